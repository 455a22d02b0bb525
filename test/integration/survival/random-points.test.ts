import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { randomOf, SEED } from '../../helpers/random.ts'
import { loadBox, WEB_SERVER } from '../../helpers/survival/api.ts'
import { createEngineProcess } from '../../helpers/survival/engine-process.ts'
import { type Load, startLoad, type Ward } from '../../helpers/survival/load.ts'
import { descriptorsOf, processesOf, tracesOf } from '../../helpers/survival/traces.ts'

/** Other points: `SLIPWAY_TEST_SEED=…`; a long look: `SLIPWAY_SURVIVAL_POINTS=200`. */
const POINTS = Number(process.env['SLIPWAY_SURVIVAL_POINTS'] ?? 15)
const CHECK_EVERY = 5
/** Whom a round of points kills, in an order of chance: the shortest run has every kind of victim, whatever the seed. */
const VICTIMS = [
  ...['keeper', 'keeper', 'keeper', 'engine', 'engine', 'engine', 'keeper and engine', 'keeper and engine'],
  ...['shim', 'shim', 'shim', 'process', 'process', 'process', 'any shim'],
] as const
type Victim = (typeof VICTIMS)[number]
const SETTLE_MS = 40_000

interface Inspection {
  readonly State: {
    readonly Status: string
    readonly ExitCode: number
    readonly Error: string
    readonly Pid: number
    readonly Health?: { readonly Status: string; readonly Log: readonly { readonly End: string }[] }
  }
  readonly NetworkSettings: { readonly Ports: Record<string, readonly { readonly HostPort: string }[] | null> }
}

/** Containers that are to run whatever happens to them. */
const FLEET: Readonly<Record<string, object>> = {
  web: WEB_SERVER,
  counter: {
    Cmd: ['sh', '-c', 'i=0; while :; do echo $i; i=$((i+1)); sleep 0.05; done'],
    HostConfig: { RestartPolicy: { Name: 'unless-stopped' } },
  },
  worker: { Cmd: ['sleep', '1000'], HostConfig: { RestartPolicy: { Name: 'on-failure' }, NetworkMode: 'none' } },
  patient: {
    Cmd: ['sleep', '1000'],
    Healthcheck: { Test: ['CMD-SHELL', '[ -e /tmp ]'], Interval: 300e6, Timeout: 5e9, Retries: 3 },
    HostConfig: { RestartPolicy: { Name: 'always' } },
  },
}

describe(`an engine whose parts are killed at ${POINTS} random points under load (SLIPWAY_TEST_SEED=${SEED})`, () => {
  const engine = createEngineProcess()
  const random = randomOf(SEED)
  const pick = <T>(list: readonly T[]): T | undefined => list[Math.floor(random() * list.length)]
  let load: Load
  let before: readonly string[]
  const fleetIds = new Set<string>()

  const inspect = async (name: string): Promise<Inspection | null | undefined> => {
    const { status, body } = await engine.ask('GET', `/containers/${name}/json`)
    if (status === 404) return null
    return status === 200 ? (JSON.parse(body.toString()) as Inspection) : undefined
  }
  const isAnswering = async () => (await engine.ask('GET', '/_ping')).status === 200

  beforeAll(async () => {
    await engine.start()
    await loadBox(path.join(engine.runtimeDir, 'docker.sock'))
    // Folders that the first container makes stay.
    await engine.ask('POST', '/containers/create?name=first', WEB_SERVER)
    await engine.ask('POST', '/containers/first/start')
    await engine.ask('DELETE', '/containers/first?force=1')
    before = tracesOf(engine, fleetIds)
    for (const [name, config] of Object.entries(FLEET)) {
      const made = await engine.ask('POST', `/containers/create?name=${name}`, {
        Image: 'test/box:1',
        ...config,
      })
      fleetIds.add((JSON.parse(made.body.toString()) as { Id: string }).Id)
      expect((await engine.ask('POST', `/containers/${name}/start`)).status).toBe(204)
    }
    load = startLoad(engine, { random, clients: 2, enter: 'counter' })
  })
  afterAll(async () => {
    await load?.end()
    await engine.destroy()
    expect(processesOf(engine.base)).toEqual([])
  })

  /** Everything of the fleet runs and does what it is for. */
  const fleetIsUp = async (since: number): Promise<string> => {
    for (const name of Object.keys(FLEET)) {
      const found = await inspect(name)
      if (found?.State.Status !== 'running') return `${name} is ${JSON.stringify(found?.State ?? found)}`
      if (!isThere(found.State.Pid)) return `${name} has no process`
      if (name === 'web') {
        const port = found.NetworkSettings.Ports['80/tcp']?.[0]?.HostPort
        const answer = await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } })
          .then((response) => response.text())
          .catch((error: unknown) => String((error as Error).cause ?? error))
        if (answer !== 'up\n') return `web on port ${port} answers ${answer}`
      }
      if (name === 'patient') {
        const { Status: health, Log: log = [] } = found.State.Health ?? { Status: '' }
        const last = Date.parse(log.at(-1)?.End ?? '')
        if (health !== 'healthy' || !(last > since)) return `patient is ${health}, probed at ${log.at(-1)?.End}`
      }
    }
    return ''
  }
  const settles = async (check: () => Promise<string>, what: string) => {
    const deadline = Date.now() + SETTLE_MS
    let last = ''
    do {
      last = await check()
      if (last === '') return
      await new Promise((resolve) => setTimeout(resolve, 50))
    } while (Date.now() < deadline)
    throw new Error(`${what} (SLIPWAY_TEST_SEED=${SEED}): ${last}\n${engine.log().slice(-6000)}`)
  }

  const hitKeeper = () => {
    const pid = engine.keeperPid()
    const isKeeper = commandOf(pid).includes(engine.runtimeDir)
    if (isKeeper) kill(pid)
    return isKeeper
  }
  const hitEngine = async () => {
    const isThereYet = engine.enginePid() > 0
    await engine.kill()
    if (random() < 0.3) await new Promise((resolve) => setTimeout(resolve, random() * 600))
    return isThereYet
  }
  /** Kills the shim or the process of some container, preferably one that is alive. */
  const hitContainer = async (what: 'shim' | 'process') => {
    const ward: Ward | undefined =
      random() < 0.6 ? pick(load.wards.slice(-8).filter(({ id, removed }) => id && removed === 'no')) : undefined
    const name = ward?.name ?? pick(Object.keys(FLEET)) ?? ''
    const pid = (await inspect(name))?.State.Pid ?? 0
    const shim = pid > 0 ? parentOf(pid) : 0
    if (!commandOf(shim).includes(engine.runtimeDir)) return false
    ward?.hits.add(what)
    kill(what === 'shim' ? shim : pid)
    return true
  }
  /** The shim of an exec or of a container that is just being made: whichever the process table shows. */
  const hitAnyShim = () => {
    const shims = pidsOf((command) => command.includes('conmon') && command.includes(engine.runtimeDir))
    const shim = pick(shims)
    if (!shim) return false
    const ward = load.wards.find(({ id }) => id && commandOf(shim).includes(id))
    // An exec's shim takes nobody along.
    ward?.hits.add('shim')
    const unnamed = load.wards.filter(({ id }) => !id)
    for (const one of unnamed) one.hits.add('shim')
    kill(shim)
    return true
  }
  const hit = async (victim: Victim): Promise<boolean> => {
    if (victim === 'keeper') return hitKeeper()
    if (victim === 'engine') return hitEngine()
    if (victim === 'any shim') return hitAnyShim()
    if (victim !== 'keeper and engine') return hitContainer(victim)
    const isHit = hitKeeper()
    return (await hitEngine()) && isHit
  }
  /** A victim may be gone in the moment that it is looked for: another of its kind is, then. */
  const hitSome = async (victim: Victim) => {
    for (let tries = 0; tries < 40; tries += 1) {
      if (await hit(victim)) return true
      if (engine.enginePid() === 0) return false
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    return false
  }
  let round: Victim[] = []
  const nextVictim = (): Victim => {
    if (round.length === 0) round = [...VICTIMS]
    return round.splice(Math.floor(random() * round.length), 1)[0] as Victim
  }

  it(
    'loses no container and no exit code, and honours restart policies and healthchecks',
    async () => {
      const killed = new Set<Victim>()
      for (let point = 1; point <= POINTS; point += 1) {
        await new Promise((resolve) => setTimeout(resolve, random() * 400))
        const victim = nextVictim()
        if (await hitSome(victim)) killed.add(victim)
        if (engine.enginePid() === 0) {
          const starting = engine.start()
          // Over a start, too.
          const hitting = random() < 0.3 ? setTimeout(hitKeeper, random() * 400) : undefined
          await starting.finally(() => clearTimeout(hitting))
        }
        if (point % CHECK_EVERY === 0) {
          const since = Date.now()
          await settles(() => fleetIsUp(since), `after point ${point}`)
        }
      }
      if (POINTS >= VICTIMS.length) expect([...killed].sort()).toEqual([...new Set(VICTIMS)].sort())
      await load.end()
      expect(await isAnswering()).toBe(true)
      for (const ward of load.wards) await settles(() => isAsItShouldBe(ward), `${ward.name} ${describeWard(ward)}`)
      expect(gapsIn(await readLog('counter'))).toEqual([])
    },
    POINTS * 6000 + 120_000,
  )

  const isAsItShouldBe = async (ward: Ward): Promise<string> => {
    const found = await inspect(ward.name)
    if (found === undefined) return 'no answer'
    if (found === null) {
      if (!ward.id || ward.removed !== 'no') return ''
      // As Docker has it, one that removes itself goes with a start that fails, too.
      return ward.kind === 'brief' ? '' : 'it is lost'
    }
    const { Status: status, ExitCode: code, Error: error } = found.State
    const state = `it is ${JSON.stringify(found.State)}`
    if (ward.removed === 'yes') return `it was removed, but ${state}`
    if (!ward.id && status === 'created') return ''
    if (ward.kind === 'brief' && ward.started === 'yes') return `it should be gone, but ${state}`
    if (ward.kind === 'sleeper' && ward.started === 'yes' && !ward.isStopped && ward.hits.size === 0)
      return status === 'running' && isThere(found.State.Pid) ? '' : `it should run, but ${state}`
    if (status === 'running') return ward.kind === 'sleeper' ? '' : `it should have ended, but ${state}`
    if (status === 'created') return ward.started === 'yes' ? `it was started, but ${state}` : ''
    if (status !== 'exited') return state
    if (code === ward.code && error === '') return ''
    if (code === 255 && error === 'shim lost' && ward.hits.has('shim')) return ''
    if (code === 137 && (ward.isStopped || ward.hits.has('process'))) return ''
    return ward.started === 'yes' ? state : ''
  }
  const describeWard = ({ id: _, hits, ...ward }: Ward) => JSON.stringify({ ...ward, hits: [...hits] })
  const readLog = async (name: string) => {
    const { body } = await engine.ask('GET', `/containers/${name}/logs?stdout=1`)
    let text = ''
    for (let at = 0; at < body.length; at += 8 + body.readUInt32BE(at + 4))
      text += body.subarray(at + 8, at + 8 + body.readUInt32BE(at + 4)).toString()
    return text.split('\n').filter(Boolean).map(Number)
  }

  it('leaves no mount, veth, rule, control group, process or file behind', async () => {
    const { body } = await engine.ask('GET', '/containers/json?all=1')
    for (const { Id } of JSON.parse(body.toString()) as { Id: string }[])
      expect((await engine.ask('DELETE', `/containers/${Id}?force=1&v=1`)).status).toBe(204)
    // Not even until their volumes are removed.
    const mountedVolumes = () => tracesOf(engine, new Set()).filter((line) => /^mount .*\/volumes\//.test(line))
    await settles(async () => mountedVolumes().join('\n'), 'volumes that are mounted for nobody')
    const { Volumes } = JSON.parse((await engine.ask('GET', '/volumes')).body.toString()) as {
      Volumes: { Name: string }[]
    }
    for (const { Name } of Volumes) expect((await engine.ask('DELETE', `/volumes/${Name}`)).status).toBe(204)
    const ids = new Set([...load.ids, ...fleetIds])
    await settles(async () => {
      const after = tracesOf(engine, ids)
      return after.filter((line) => !before.includes(line)).join('\n')
    }, 'what is left')
    // A keeper of which parts were taken up again and again has no more open than a new one has.
    const old = engine.keeperPid()
    // What is still being closed does not count.
    let open = descriptorsOf(old)
    for (let look = 0; look < 20; look += 1) {
      await new Promise((resolve) => setTimeout(resolve, 50))
      open = Math.min(open, descriptorsOf(old))
    }
    hitKeeper()
    const isNew = () => engine.keeperPid() !== old && isThere(engine.keeperPid())
    await settles(async () => (isNew() ? '' : 'no other keeper'), 'a new keeper')
    await settles(async () => ((await engine.ask('GET', '/info')).status === 200 ? '' : 'no answer'), 'an answer')
    // It answers before all of its threads have come up.
    const more = () => open - descriptorsOf(engine.keeperPid())
    await settles(async () => (more() < 6 ? '' : `${more()} more than a new keeper`), 'descriptors of the old keeper')
  }, 120_000)
})

/** Lines that do not follow the one before, unless they begin a life. */
const gapsIn = (numbers: readonly number[]): string[] =>
  numbers.flatMap((number, index) =>
    number === 0 || number === (numbers[index - 1] ?? -1) + 1 ? [] : [`${numbers[index - 1]} → ${number}`],
  )

function commandOf(pid: number): string {
  try {
    return pid > 0 ? readFileSync(`/proc/${pid}/cmdline`, 'utf8') : ''
  } catch {
    return ''
  }
}
const pidsOf = (isWanted: (command: string) => boolean): number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && isWanted(commandOf(Number(name))))
    .map(Number)
const isThere = (pid: number): boolean => {
  try {
    return pid > 0 && !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}
const parentOf = (pid: number): number => {
  try {
    return Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
  } catch {
    return 0
  }
}
const kill = (pid: number): void => {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It was quicker.
  }
}
