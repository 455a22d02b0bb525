import type { HostClient } from './client.ts'

const RETRY_MS = 500
const MAX_ATTEMPTS = 20

/** A Host that survives its keeper: calls go to the keeper of the moment. */
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
  const replace = async () => {
    for (let attempt = 1; !isClosing; attempt += 1) {
      try {
        current = await connect(onClose)
        for (const listener of listeners) listener()
        return
      } catch (error) {
        if (attempt >= MAX_ATTEMPTS) return onFailure(error)
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
      }
    }
  }
  const onClose = () => {
    if (!isClosing) void replace()
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
  return new Proxy(own as unknown as SupervisedHost, {
    get: (target, name: keyof SupervisedHost) => (name in own ? target[name] : current[name as keyof HostClient]),
  })
}
