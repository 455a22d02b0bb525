import { existsSync } from 'node:fs'

/** Static ones: they run in a root that may have no libraries. */
export const INIT_PATHS = [
  '/usr/bin/catatonit',
  '/usr/bin/tini-static',
  '/usr/libexec/podman/catatonit',
  '/usr/bin/docker-init',
]

/** The program that `--init` puts before a container's own; `''` where this machine has none. */
export const findInit = (): string => INIT_PATHS.find((file) => existsSync(file)) ?? ''
