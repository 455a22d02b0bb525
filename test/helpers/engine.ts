import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { type EngineConfig, loadConfig } from '../../engine/config.ts'
import { CreateContainer } from '../../engine/contract/container.ts'
import { EngineError } from '../../engine/contract/errors.ts'
import { createEngine, type Engine } from '../../engine/engine.ts'
import { leftoversOf } from './leftovers.ts'

/** An engine of the test's own, in folders of its own, with the built keeper. */
export interface TestEngine {
  readonly engine: Engine
  readonly config: EngineConfig
  /** Ends the engine, without stopping containers unless told to, and starts another one on the same folders. */
  restart(options?: { readonly stopContainers: boolean }): Promise<Engine>
  /** Stops containers and keeper, removes the folders. */
  destroy(): Promise<void>
}

/** Starts a real engine; the keeper must have been built (`npm run build`). */
export async function startEngine(): Promise<TestEngine> {
  const base = await mkdtemp(path.join(process.env['SLIPWAY_TEST_FOLDER'] ?? os.tmpdir(), 'slw-'))
  // A session and a docker folder of its own: a test makes no context of the user's and offers no socket in their name.
  const session = path.join(base, 'session')
  await mkdir(session, { mode: 0o700 })
  const config = loadConfig({
    env: { ...process.env, XDG_RUNTIME_DIR: session, DOCKER_CONFIG: path.join(base, 'docker') },
    root: path.join(base, 'root'),
    runtimeDir: path.join(base, 'run'),
    pluginFolders: [path.join(base, 'plugins')],
    keeperFile: path.resolve('out/keeper/keeper.mjs'),
  })
  let engine = await createEngine(config)
  return {
    get engine() {
      return engine
    },
    config,
    async restart(options = { stopContainers: false }) {
      await engine.close(options)
      engine = await createEngine(config)
      return engine
    },
    async destroy() {
      const failures: unknown[] = []
      const ids = await removeAll(engine, (error) => failures.push(error))
      await engine.close({ stopContainers: true })
      const left = () => leftoversOf({ base, ...config }, ids)
      // What was ended takes a moment to be gone.
      await waitUntil(() => left().length === 0).catch(() => undefined)
      if (left().length > 0) throw new Error(`an engine left behind:\n${left().join('\n')}`)
      await rm(base, { recursive: true, force: true })
      if (failures.length > 0)
        throw new AggregateError(failures, `an engine could not be emptied: ${failures.join('; ')}`)
    },
  }
}

/** Removes containers, images and volumes, whose files may belong to ids that only the keeper can remove. Answers with the ids that named things. */
async function removeAll(engine: Engine, onFailure: (error: unknown) => void): Promise<string[]> {
  const context = { signal: new AbortController().signal }
  const { container, image, network } = engine.handlers
  const attempt = (work: Promise<unknown>) =>
    work.catch((error: unknown) => {
      if (EngineError.from(error).code !== 'notFound') onFailure(error)
    })
  const networks = await network.list({}, context)
  const containers = await container.list({ all: true }, context)
  for (const { id } of containers) await attempt(container.remove({ id, force: true, volumes: true }, context))
  for (const { id } of await image.list({}, context)) await attempt(image.remove({ id, force: true }, context))
  for (const { name } of engine.services.volume.list()) await attempt(engine.services.volume.remove(name))
  return [...networks, ...containers].map(({ id }) => id)
}

/** A create request with every default filled in. */
export const request = (input: { image: string } & Record<string, unknown>): CreateContainer =>
  CreateContainer.parse(input)

/** Polls until a condition holds, for ten seconds at most unless there is a reason for more. */
export async function waitUntil(
  condition: () => Promise<boolean> | boolean,
  what = 'the condition',
  limitMs = 10_000,
): Promise<void> {
  const deadline = Date.now() + limitMs
  while (Date.now() < deadline) {
    if (await condition()) return
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
  throw new Error(`${what} did not come true within ${limitMs / 1000} seconds`)
}
