// `npm run guest`: what needs another kernel (cgroup v2, systemd's delegation, AppArmor, ipvlan, VLANs, SCTP, ESP), in an emulated machine.
import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { ensureBuild, ensureGuestTools, ensurePackages, ensureSystemTools, ROOT } from './lib/setup.mjs'

ensurePackages()
ensureSystemTools()
ensureGuestTools()
ensureBuild()
const argv = [path.join(ROOT, 'node_modules/vitest/vitest.mjs'), 'run', '--project', 'guest']
process.exit(spawnSync(process.execPath, argv, { cwd: ROOT, stdio: 'inherit' }).status ?? 1)
