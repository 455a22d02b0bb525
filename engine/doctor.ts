import { readFileSync } from 'node:fs'
import os from 'node:os'
import type { EngineConfig } from './config.ts'
import type { DoctorReport } from './contract/doctor.ts'
import { readMachine } from './host/machine.ts'
import { choosePool, routesOf } from './network/ipam.ts'
import { SECCOMP_PROFILE } from './runtime/seccomp.ts'
import { judgeMachine } from './service/doctor/judge.ts'

/** Checks this machine. It needs no engine, since what it finds may be why there is none. */
export async function checkMachine(config: EngineConfig): Promise<DoctorReport> {
  const facts = await readMachine({
    mode: config.mode,
    root: config.root,
    seccompProfile: SECCOMP_PROFILE,
    freeSubnet: freeSubnet(),
  })
  return judgeMachine(facts)
}

function freeSubnet(): string {
  const own = Object.values(os.networkInterfaces()).flatMap((list) => (list ?? []).flatMap(({ cidr }) => cidr ?? []))
  try {
    return choosePool([...own, ...routesOf(readFileSync('/proc/net/route', 'utf8')).map(({ subnet }) => subnet)])
  } catch {
    return ''
  }
}
