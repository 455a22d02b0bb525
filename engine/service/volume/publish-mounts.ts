import type { ContainerRecord } from '../../store/schema.ts'
import type { ServiceContext } from '../context.ts'

/** Says that a container that has started, or ended, has its volumes mounted, or no longer. */
export function publishMounts(
  context: Pick<ServiceContext, 'bus'>,
  { id, mounts }: ContainerRecord,
  action: 'mount' | 'unmount',
): void {
  for (const { type, name, driver, target, readOnly } of mounts) {
    if (type !== 'volume') continue
    // A volume has no propagation of its own; who reads events expects the word.
    const place = { destination: target, 'read/write': String(!readOnly), propagation: '' }
    context.bus.publish({
      type: 'volume',
      action,
      id: name,
      attributes: { driver: driver || 'local', container: id, ...(action === 'mount' ? place : {}) },
    })
  }
}
