import type { ContainerDetail } from '../../engine/contract/container.ts'
import { request, startEngine, type TestEngine } from './engine.ts'

/** An engine with the starter image and the few calls that every networking test makes. */
export interface NetworkTest {
  readonly test: TestEngine
  readonly image: string
  handlers(): TestEngine['engine']['handlers']
  create(input: Record<string, unknown>): Promise<string>
  /** Starts a container that sleeps unless `command` says otherwise. */
  run(input?: Record<string, unknown>): Promise<ContainerDetail>
  /** Runs a shell command in a new container to its end; answers with its output's lines. */
  shell(script: string, input?: Record<string, unknown>): Promise<string[]>
  /** Runs a shell command in a running container. */
  exec(id: string, script: string): Promise<string>
  inspect(id: string): Promise<ContainerDetail>
  remove(id: string): Promise<void>
}

const context = { signal: new AbortController().signal }

/** Starts an engine for a networking test. */
export async function startNetworkTest(): Promise<NetworkTest> {
  const test = await startEngine()
  const handlers = () => test.engine.handlers
  const image = (await handlers().image.createStarter({}, context)).reference
  const create = async (input: Record<string, unknown>) =>
    (await handlers().container.create(request({ image, command: ['sleep', '600'], ...input }), context)).id
  const inspect = async (id: string) => (await handlers().container.inspect({ id }, context)) as ContainerDetail
  return {
    test,
    image,
    handlers,
    create,
    inspect,
    async run(input = {}) {
      const id = await create(input)
      await handlers().container.start({ id }, context)
      return inspect(id)
    },
    async shell(script, input = {}) {
      const id = await create({ command: ['sh', '-c', script], ...input })
      await handlers().container.start({ id }, context)
      await handlers().container.wait({ id }, context)
      const { lines } = await handlers().container.logWindow({ id, tail: 1000, search: '' }, context)
      await handlers().container.remove({ id, force: true, volumes: true }, context)
      return lines.map(({ text }) => text)
    },
    async exec(id, script) {
      const chunks: Buffer[] = []
      const input = { id, command: ['sh', '-c', script], tty: false, env: [], user: null, workingDir: null }
      const frames = handlers().container.exec({ ...input, columns: 80, rows: 24 }, { ...context, up: silence() })
      for await (const frame of frames) if (frame.type === 'data') chunks.push(Buffer.from(frame.data))
      return Buffer.concat(chunks).toString()
    },
    remove: (id) => handlers().container.remove({ id, force: true, volumes: true }, context),
  }
}

async function* silence(): AsyncGenerator<never> {}
