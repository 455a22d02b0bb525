// The first import of every script. Debian 12's own Node is too old for the build: the script is run again, by one from npm.
import { spawn } from 'node:child_process'

const NEEDED = [20, 19]
const FETCHED = '22'

/** Whether a version of Node (`20.19.1`) builds and runs Slipway. */
export function isNodeEnough(version) {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return major > NEEDED[0] || (major === NEEDED[0] && minor >= NEEDED[1])
}

const say = (text) => process.stderr.write(`slipway: ${text}\n`)

if (!isNodeEnough(process.versions.node)) {
  const needed = `Node ${NEEDED.join('.')} or newer is needed, and this is ${process.versions.node}`
  if (process.env.SLIPWAY_NODE_FETCHED) {
    say(`${needed}. Install a newer one.`)
    process.exit(1)
  }
  say(`${needed}: Node ${FETCHED} is fetched from npm for this`)
  const child = spawn(
    'npm',
    // The package of one platform has the program in it and runs no script to fetch it.
    ['exec', '--yes', `--package=node-linux-${process.arch}@${FETCHED}`, '--', 'node', ...process.argv.slice(1)],
    { stdio: 'inherit', env: { ...process.env, SLIPWAY_NODE_FETCHED: '1' } },
  )
  for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => child.kill(signal))
  const code = await new Promise((resolve) => {
    child.on('exit', resolve)
    child.on('error', () => {
      say(`${needed}, and npm is not here to fetch one. Install a newer Node.`)
      resolve(1)
    })
  })
  process.exit(code ?? 1)
}
