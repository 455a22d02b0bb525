import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import { json } from 'node:stream/consumers'
import { call, ended, engine } from './engine.ts'
import type { Scenario } from './scenario.ts'

const DEFAULT = 'slipway-default'
const LABEL = 'cat /proc/self/attr/current'
const PARSER = '/usr/sbin/apparmor_parser'
const KERNEL = '/sys/kernel/security/apparmor'
const info = () => call((handlers, options) => handlers.system.info({}, options))
const asking = (...options: string[]) => ({ securityOptions: ['seccomp=unconfined', ...options] })
/** What `docker run` alone would give, but for the filter of system calls. */
const byDefault = asking()

/** Who is confined by AppArmor, and by what. */
export const appArmorScenarios: readonly Scenario[] = [
  { title: 'confines a container and what is run in it beside by the default profile', run: confines },
  { title: 'keeps root of every capability from what the profile denies', run: denies },
  { title: 'gives no profile to a container that asks for none, nor to a privileged one', run: letsGo },
  { title: 'takes Docker’s name for the default profile, and one that somebody else has loaded', run: takesNames },
  { title: 'tells Docker’s clients of it', run: tellsClients },
  { title: 'refuses a profile that is not loaded, by its name', run: refusesUnknown },
  { title: 'loads the default profile again when it has been taken away', run: loadsAgain },
  { title: 'runs containers without it where it cannot be loaded, and says so', run: goesWithout },
]

/** The label of a container's process, of one run in it beside, and the profile that it is shown with. */
async function labels(input: Record<string, unknown>): Promise<string[]> {
  const { run, exec, inspect, remove } = await engine()
  const { id, pid } = await run(input)
  const own = readFileSync(`/proc/${pid}/attr/current`, 'utf8').trim()
  const found = [own, (await exec(id, LABEL)).trim(), (await inspect(id)).appArmorProfile]
  await remove(id)
  return found
}
const confined = (name: string) => [`${name} (enforce)`, `${name} (enforce)`, name]
const UNCONFINED = ['unconfined', 'unconfined', 'unconfined']

/** Confines what the machine of a user without root must not: as Docker, an engine of theirs gives no profile. */
export async function confinesNobody(): Promise<void> {
  assert.equal((await info()).hasAppArmorProfile, false)
  assert.doesNotMatch((await info()).warnings.join(' '), /AppArmor/)
  const [own, beside, shown] = await labels(asking('apparmor=docker-default'))
  assert.deepEqual([own, beside, shown], ['unconfined', 'unconfined', ''])
}

/** That a container is confined with either runtime, and can be stopped all the same. */
export async function confines(): Promise<void> {
  assert.equal((await info()).hasAppArmorProfile, true)
  assert.deepEqual((await info()).warnings, [])
  assert.deepEqual(await labels(byDefault), confined(DEFAULT))
  const { run, remove } = await engine()
  const { id } = await run({
    ...byDefault,
    command: ['sh', '-c', 'trap "exit 7" TERM; while true; do sleep 0.1; done'],
  })
  await call((handlers, options) => handlers.container.stop({ id, timeoutSeconds: 60 }, options))
  assert.equal((await ended(id)).exitCode, 7)
  await remove(id)
}

/** Each line is printed when it could be done. */
const attempts = (pid: number) => `
try() { name=$1; shift; "$@" > /dev/null 2>&1 && echo "$name"; }
write() { try "$1" sh -c "echo $2 > $3"; }
mkdir /there
try mount mount -t tmpfs none /there
write forwarding 0 /proc/sys/net/ipv4/ip_forward
write randomness 60 /proc/sys/kernel/random/urandom_min_reseed_secs
write shm 0 /proc/sys/kernel/shm_rmid_forced
write irq 3 /proc/irq/default_smp_affinity
try kcore head -c 1 /proc/kcore
try look ls /proc/${pid}/root/
try signal kill -TERM ${pid}
try itself kill -CONT $$
true`

async function denies(): Promise<void> {
  const { shell } = await engine()
  const able = { capAdd: ['ALL'], readOnlyPaths: [], maskedPaths: [], namespaces: { pid: 'host' } }
  const target = spawn('sleep', ['600'])
  const gone = new Promise((resolve) => target.on('exit', resolve))
  const script = attempts(target.pid ?? 0)
  assert.deepEqual(await shell(script, { ...able, ...byDefault }), ['shm', 'itself'])
  const all = ['mount', 'forwarding', 'randomness', 'shm', 'irq', 'kcore', 'look', 'signal', 'itself']
  assert.deepEqual(await shell(script, { ...able, ...asking('apparmor=unconfined') }), all)
  await gone
}

async function letsGo(): Promise<void> {
  assert.deepEqual(await labels(asking('apparmor=unconfined')), UNCONFINED)
  assert.deepEqual(await labels({ ...byDefault, privileged: true }), UNCONFINED)
}

const load = (text: string) => execFileSync(PARSER, ['--replace', '--skip-cache'], { input: text })

async function takesNames(): Promise<void> {
  assert.deepEqual(await labels(asking('apparmor=docker-default')), confined(DEFAULT))
  load('profile of-a-guest flags=(attach_disconnected) { file, capability, network, signal, ptrace, }')
  assert.deepEqual(await labels(asking('apparmor:of-a-guest')), confined('of-a-guest'))
}

async function tellsClients(): Promise<void> {
  const { test, run, remove } = await engine()
  await test.engine.listen()
  const ask = (path: string) =>
    new Promise<object>((resolve, reject) => {
      http
        .get({ socketPath: test.config.socket, path }, (answer) => resolve(json(answer) as Promise<object>))
        .on('error', reject)
    })
  const { id } = await run(byDefault)
  const options = (await ask('/v1.51/info')) as { SecurityOptions: string[] }
  assert.deepEqual(options.SecurityOptions, ['name=apparmor', 'name=seccomp,profile=builtin'])
  const shown = (await ask(`/v1.51/containers/${id}/json`)) as { AppArmorProfile: string }
  assert.equal(shown.AppArmorProfile, DEFAULT)
  await remove(id)
}

async function refusesUnknown(): Promise<void> {
  const { create } = await engine()
  const refusal = { reason: 'apparmor.unknown-profile', message: /no such AppArmor profile: "never-loaded"; load it/ }
  await assert.rejects(create(asking('apparmor=never-loaded')), refusal)
  load('profile soon-gone { file, }')
  const id = await create(asking('apparmor=soon-gone'))
  unload('soon-gone')
  const start = call((handlers, options) => handlers.container.start({ id }, options))
  await assert.rejects(start, { reason: 'apparmor.unknown-profile', message: /"soon-gone"/ })
}

const unload = (name: string) => writeFileSync(`${KERNEL}/.remove`, name)

async function loadsAgain(): Promise<void> {
  unload(DEFAULT)
  assert.deepEqual(await labels(byDefault), confined(DEFAULT))
}

async function goesWithout(): Promise<void> {
  renameSync(PARSER, `${PARSER}.away`)
  unload(DEFAULT)
  try {
    assert.deepEqual(await labels(byDefault), ['unconfined', 'unconfined', ''])
    assert.match((await info()).warnings.join(' '), /without the AppArmor profile.*install the package apparmor/)
    assert.equal((await info()).hasAppArmorProfile, false)
    writeFileSync(PARSER, '#!/bin/sh\necho no policy today >&2\nexit 1\n', { mode: 0o755 })
    assert.match((await info()).warnings.join(' '), /without the AppArmor profile.*no policy today.*dmesg/)
  } finally {
    rmSync(PARSER, { force: true })
    renameSync(`${PARSER}.away`, PARSER)
  }
  assert.deepEqual(await labels(byDefault), confined(DEFAULT))
  assert.deepEqual((await info()).warnings, [])
}
