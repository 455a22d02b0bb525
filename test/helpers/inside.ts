import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'

/** A script that runs in a container's network, with this machine's own Node. */
export interface Inside {
  /** The next line it prints. */
  line(): Promise<string>
  end(): Promise<void>
}

/** argv in front of a command that shall run in a process's network namespace (and user namespace, rootless). */
export const enterNetworkOf = (pid: number, mode: 'rootful' | 'rootless'): string[] => [
  'nsenter',
  ...(mode === 'rootless' ? ['--user', '--preserve-credentials'] : []),
  '--net',
  `--target=${pid}`,
  '--',
]

/** argv in front of a command that shall run where an engine's bridges are. */
export function enterBridgesOf({ runtimeDir, keeperPid }: { runtimeDir: string; keeperPid: number }): string[] {
  const inner = path.join(runtimeDir, 'keeper/inner-netns')
  if (!existsSync(inner)) return []
  const enter = ['nsenter', '--user', '--mount', '--preserve-credentials', `--target=${keeperPid}`, '--']
  return [...enter, 'nsenter', `--net=${inner}`]
}

/** Runs a Node script (CommonJS text) inside the network of a process. */
export function runInside(pid: number, mode: 'rootful' | 'rootless', script: string): Inside {
  const [command = '', ...args] = [...enterNetworkOf(pid, mode), process.execPath, '-e', script]
  const child: ChildProcess = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const lines: string[] = []
  const waiting: { resolve: (line: string) => void; reject: (error: Error) => void }[] = []
  let isOver = false
  if (child.stdout)
    createInterface(child.stdout).on('line', (line) => {
      const next = waiting.shift()
      if (next) next.resolve(line)
      else lines.push(line)
    })
  const over = () => new Error('the script ended without another line')
  child.on('close', () => {
    isOver = true
    for (const { reject } of waiting) reject(over())
  })
  return {
    line: () => {
      const ready = lines.shift()
      if (ready !== undefined) return Promise.resolve(ready)
      return isOver ? Promise.reject(over()) : new Promise((resolve, reject) => waiting.push({ resolve, reject }))
    },
    async end() {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill('SIGKILL')
      await once(child, 'exit')
    },
  }
}

/** A UDP server that answers with the sender's address and the text, and a TCP one that answers once it has seen the end. */
export const ECHO_SERVERS = `
const dgram = require('dgram'), net = require('net')
const answer = (type) => new Promise((resolve) => {
  const udp = dgram.createSocket({ type, ipv6Only: type === 'udp6' })
  udp.on('listening', resolve)
  // Where there is no IPv6, nothing listens there; a later error is that of one answer.
  udp.on('error', type === 'udp6' ? resolve : () => {})
  udp.on('message', (text, from) => udp.send(from.address + ' ' + text, from.port, from.address))
  udp.bind(9000)
})
const serve = (client) => {
  let bytes = 0
  client.on('data', (chunk) => { bytes += chunk.length })
  client.on('end', () => client.end(client.remoteAddress + ' ' + bytes))
  client.on('error', () => {})
}
const listen = new Promise((resolve) => net.createServer({ allowHalfOpen: true }, serve).listen(9000, resolve))
Promise.all([answer('udp4'), answer('udp6'), listen]).then(() => console.log('ready'))
`
