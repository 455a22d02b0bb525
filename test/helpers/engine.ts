import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { type EngineConfig, loadConfig } from '../../engine/config.ts'
import { CreateContainer } from '../../engine/contract/container.ts'
import { createEngine, type Engine } from '../../engine/engine.ts'

/** An engine of the test's own, in folders of its own, with the built keeper. */
export interface TestEngine {
  readonly engine: Engine
  readonly config: EngineConfig
  /** Lets go without stopping containers, and starts another engine on the same folders. */
  restart(): Promise<Engine>
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
    async restart() {
      await engine.close({ stopContainers: false })
      engine = await createEngine(config)
      return engine
    },
    async destroy() {
      const context = { signal: new AbortController().signal }
      for (const { id } of await engine.handlers.container.list({ all: true }, context)) {
        await engine.handlers.container.remove({ id, force: true, volumes: true }, context).catch(() => {})
      }
      for (const { id } of await engine.handlers.image.list({}, context)) {
        await engine.handlers.image.remove({ id, force: true }, context).catch(() => {})
      }
      // Their files may belong to ids that only the keeper can remove.
      for (const { name } of engine.services.volume.list()) await engine.services.volume.remove(name).catch(() => {})
      await engine.close({ stopContainers: true })
      await waitUntil(async () => !(await exists(path.join(config.runtimeDir, 'keeper.sock'))))
      await rm(base, { recursive: true, force: true })
    },
  }
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

async function exists(file: string): Promise<boolean> {
  const { access } = await import('node:fs/promises')
  return access(file).then(
    () => true,
    () => false,
  )
}
