import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { EngineError } from '../../contract/errors.ts'

const IDLE_MS = 10_000
const ANSWER_MS = 10_000

/** An `nft` that waits for commands, so that a change costs no process of its own: 5 ms in place of 25 to 40. */
export interface NftSession {
  /**
   * Carries out commands as one transaction. Throws `nft.refused` with what nft said, and `nft.no-session` where it
   * takes no commands or does not answer: whether it was done is not known then.
   */
  commit(commands: readonly string[]): Promise<void>
  /** Ends the process; it also ends ten seconds after the last change, and when this process does. */
  stop(): void
}

/** `prefix` is the argv that enters the namespace. One commit at a time. */
export function createNftSession(prefix: readonly string[], { idleMs = IDLE_MS } = {}): NftSession {
  let running: ChildProcessWithoutNullStreams | null = null
  let hasAnswered = false
  let isSupported = true
  let commits = 0
  let idle: NodeJS.Timeout | undefined

  const start = () => {
    const child = startNft(prefix)
    running = child
    child.once('close', () => {
      if (running === child) running = null
    })
    return child
  }
  const stop = () => {
    clearTimeout(idle)
    running?.stdin.end()
    running = null
  }
  return {
    stop,
    async commit(commands) {
      if (!isSupported) throw noSession('this nft takes no commands')
      clearTimeout(idle)
      const nft = running ?? start()
      commits += 1
      const end = `slipway_end_${commits}`
      // A line is a transaction. That nft is through with it is told by its complaint about the next one, on the same stream.
      const said = await answer(nft, `${commands.join('; ')}\n${end}\n`, end).catch((error: unknown) => {
        // One that has never answered was built without.
        isSupported = hasAnswered
        running = null
        nft.kill('SIGKILL')
        throw error
      })
      hasAnswered = true
      idle = setTimeout(stop, idleMs)
      idle.unref()
      // It may warn of what it has done.
      if (said.includes('Error: '))
        throw new EngineError('internal', 'nft.refused', `nft: ${said}`, { details: { commands: commands.join('; ') } })
    },
  }
}

function startNft(prefix: readonly string[]): ChildProcessWithoutNullStreams {
  const [command = 'nft', ...args] = [...prefix, 'nft', '-i']
  // It keeps a history in the user's home where it finds one.
  const env = { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent', TERM: 'dumb', LC_ALL: 'C' }
  const child = spawn(command, args, { env, stdio: 'pipe' })
  child.stdout.resume()
  child.on('error', () => {})
  child.stdin.on('error', () => {})
  return child
}

/** Writes, and reads up to the complaint about `end`; answers with what was said before it. */
function answer(child: ChildProcessWithoutNullStreams, text: string, end: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = ''
    const done = (settle: () => void) => {
      clearTimeout(timer)
      child.stderr.off('data', read)
      child.off('close', fail)
      settle()
    }
    const fail = () => done(() => reject(noSession(said.trim() || 'it ended')))
    const read = (chunk: Buffer) => {
      said += String(chunk)
      const complaint = new RegExp(`(^|\\n)Error: [^\\n]*\\n${end}\\n *\\^+\\n$`).exec(said)
      if (complaint) done(() => resolve(said.slice(0, complaint.index).trim()))
    }
    const timer = setTimeout(fail, ANSWER_MS)
    child.stderr.on('data', read)
    child.once('close', fail)
    child.stdin.write(text)
  })
}

const noSession = (why: string): EngineError => new EngineError('internal', 'nft.no-session', `nft: ${why}`)
