import type { HostClient } from './client.ts'

const RETRY_MS = 500
const MAX_ATTEMPTS = 20

/** A Host that survives its keeper: calls go to the keeper of the moment, and wait while there is none. */
export type SupervisedHost = HostClient & {
  /** Told once a new keeper stands in for one that was lost. */
  readonly onReplaced: (listener: () => void) => void
}

/** Connects, and when the keeper is lost starts or finds the next one. */
export async function createHostSupervisor(
  connect: (onClose: () => void) => Promise<HostClient>,
  onFailure: (error: unknown) => void,
): Promise<SupervisedHost> {
  const listeners: (() => void)[] = []
  let isClosing = false
  let current: HostClient
  let replacing: Promise<void> | undefined
  const replace = async () => {
    for (let attempt = 1; !isClosing; attempt += 1) {
      try {
        current = await connect(onClose)
        replacing = undefined
        for (const listener of listeners) listener()
        return
      } catch (error) {
        if (attempt >= MAX_ATTEMPTS) {
          replacing = undefined
          return onFailure(error)
        }
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
      }
    }
  }
  const onClose = () => {
    if (!isClosing) replacing = replace()
  }
  current = await connect(onClose)
  const own = {
    close: () => {
      isClosing = true
      current.close()
    },
    onReplaced: (listener: () => void) => void listeners.push(listener),
    shutdown: (params: Record<string, never>) => {
      isClosing = true
      return current.shutdown(params)
    },
  }
  const call =
    (name: keyof HostClient) =>
    async (...args: unknown[]): Promise<unknown> => {
      await replacing
      return (current[name] as (...args: unknown[]) => Promise<unknown>)(...args)
    }
  return new Proxy(own as unknown as SupervisedHost, {
    get: (target, name: keyof SupervisedHost) => {
      // Whoever awaits this object must not take it for a promise.
      if ((name as string) === 'then') return undefined
      return name in own ? target[name] : call(name as keyof HostClient)
    },
  })
}
