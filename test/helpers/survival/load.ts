import type { EngineProcess } from './engine-process.ts'

/** What is known of a container that the load has made. */
export interface Ward {
  readonly name: string
  readonly kind: 'short' | 'brief' | 'sleeper'
  /** The code it ends with when nobody meddles. */
  readonly code: number
  id: string
  /** What the engine said of its start: `maybe` where the connection broke off. */
  started: 'yes' | 'no' | 'maybe'
  removed: 'yes' | 'no' | 'maybe'
  /** Asked to stop or be removed by force: its code is a signal's then. */
  isStopped: boolean
  /** What the test has killed of it. */
  readonly hits: Set<'shim' | 'process'>
}

/** Clients that make, start, stop, enter and remove containers until told to end. */
export interface Load {
  readonly wards: readonly Ward[]
  /** Ids of every container that was ever made. */
  readonly ids: ReadonlySet<string>
  end(): Promise<void>
}

const BUSY: readonly number[] = [0]
const isOk = (status: number) => status >= 200 && status < 305

/** Starts `clients` that work at once. Calls that a kill cuts off are fine: what they did is unknown then. */
export function startLoad(
  engine: EngineProcess,
  { random, clients, enter }: { readonly random: () => number; readonly clients: number; readonly enter: string },
): Load {
  const wards: Ward[] = []
  const ids = new Set<string>()
  let isEnding = false
  let count = 0

  const create = async (kind: Ward['kind']) => {
    count += 1
    const code = kind === 'sleeper' ? 0 : 1 + Math.floor(random() * 99)
    const ward: Ward = {
      name: `${kind}${count}`,
      kind,
      code,
      id: '',
      started: 'no',
      removed: 'no',
      isStopped: false,
      hits: new Set(),
    }
    wards.push(ward)
    const script = kind === 'sleeper' ? 'exec sleep 1000' : `sleep 0.${Math.floor(random() * 7)}; exit ${code}`
    const made = await engine.ask('POST', `/containers/create?name=${ward.name}`, {
      Image: 'test/box:1',
      Cmd: ['sh', '-c', script],
      HostConfig: {
        AutoRemove: kind === 'brief',
        NetworkMode: random() < 0.7 ? 'bridge' : 'none',
        ...(random() < 0.3 ? { Mounts: [{ Type: 'volume', Target: '/data', ...volumeAt(random()) }] } : {}),
      },
    })
    if (made.status !== 201) return
    ward.id = (JSON.parse(made.body.toString()) as { Id: string }).Id
    ids.add(ward.id)
    const { status } = await engine.ask('POST', `/containers/${ward.name}/start`)
    ward.started = isOk(status) ? 'yes' : BUSY.includes(status) ? 'maybe' : 'no'
  }
  const anyOf = (kinds: readonly Ward['kind'][]) => {
    const fit = wards.filter((ward) => kinds.includes(ward.kind) && ward.removed === 'no' && ward.id)
    return fit[Math.floor(random() * fit.length)]
  }
  const stop = async () => {
    const ward = anyOf(['sleeper'])
    if (!ward) return
    ward.isStopped = true
    await engine.ask('POST', `/containers/${ward.name}/stop?t=0`)
  }
  const remove = async () => {
    const ward = anyOf(['sleeper', 'short'])
    if (!ward) return
    ward.removed = 'maybe'
    ward.isStopped = true
    const { status } = await engine.ask('DELETE', `/containers/${ward.name}?force=1&v=1`)
    if (isOk(status)) ward.removed = 'yes'
  }
  const exec = async () => {
    const made = await engine.ask('POST', `/containers/${enter}/exec`, {
      Cmd: ['sh', '-c', 'echo here; sleep 0.1; exit 5'],
      AttachStdout: true,
    })
    if (made.status !== 201) return
    const { Id } = JSON.parse(made.body.toString()) as { Id: string }
    await engine.ask('POST', `/exec/${Id}/start`, { Detach: random() < 0.3, Tty: false })
  }
  const steps: readonly (() => Promise<void>)[] = [
    () => create('short'),
    () => create('brief'),
    () => create('sleeper'),
    exec,
    stop,
    remove,
  ]
  const work = async () => {
    while (!isEnding) {
      await steps[Math.floor(random() * steps.length)]?.()
      // While there is no engine, calls fail at once.
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
  const working = Array.from({ length: clients }, work)
  return {
    wards,
    ids,
    async end() {
      isEnding = true
      await Promise.all(working)
    },
  }
}

/** Of three kinds: a folder of one's own, a tmpfs of one's own, and a tmpfs that many have together. */
function volumeAt(chance: number): object {
  if (chance < 1 / 3) return {}
  const VolumeOptions = { DriverConfig: { Options: { type: 'tmpfs', device: 'tmpfs', o: 'size=1m' } } }
  return chance < 2 / 3 ? { VolumeOptions } : { VolumeOptions, Source: 'together' }
}
