import type { RouteTo } from '../../../host/inspection.ts'
import { run } from '../../exec.ts'

/** A router of the internet's has a million. */
const ROUTES_BYTES = 256 * 1024 * 1024

interface Route {
  readonly dst?: string
  readonly dev?: string
  /** Absent: it leads to somebody. */
  readonly type?: string
}

/** Where this machine's routes lead, in all tables: a VPN may have one of its own, which rules lead to before the main one. */
export async function listRoutes(): Promise<RouteTo[]> {
  const texts = await Promise.all(
    ['-4', '-6'].map((family) =>
      run(['ip', '-j', family, 'route', 'show', 'table', 'all'], { captureBytes: ROUTES_BYTES }),
    ),
  )
  return texts.flatMap(({ stdout }) => readRoutes(stdout))
}

/** Destinations in what `ip -j route` prints. A machine's own addresses, and what it throws away, are no destinations. */
export function readRoutes(json: string): RouteTo[] {
  const routes = JSON.parse(json.trim() || '[]') as Route[]
  return routes.flatMap(({ dst = 'default', dev = '', type = 'unicast' }) => {
    if (type !== 'unicast' || dst === 'default') return []
    return [{ subnet: dst.includes('/') ? dst : `${dst}/${dst.includes(':') ? 128 : 32}`, interface: dev }]
  })
}
