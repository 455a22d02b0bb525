import { readlink, rm, stat, symlink } from 'node:fs/promises'
import path from 'node:path'
import { EngineError } from '../../contract/errors.ts'

/** A link to the socket at the place where clients look by themselves. `link` is empty where there is no such place. */
export interface SocketOffer {
  readonly link: string
  readonly socket: string
}

/** What lies at the place. A link that leads nowhere is free: whoever made it has gone. */
export async function readOffer({ link, socket }: SocketOffer): Promise<'none' | 'free' | 'ours' | 'taken'> {
  if (link === '') return 'none'
  if (link === socket) return 'ours'
  if ((await readlink(link).catch(() => '')) === socket) return 'ours'
  const exists = await stat(link).then(
    () => true,
    () => false,
  )
  return exists ? 'taken' : 'free'
}

/** Makes the link; what another engine has there stays. */
export async function makeOffer(offer: SocketOffer): Promise<void> {
  const state = await readOffer(offer)
  if (state === 'ours') return
  if (state === 'none')
    throw new EngineError('unavailable', 'docker.no-session', 'this session has no XDG_RUNTIME_DIR; set DOCKER_HOST')
  if (state === 'taken')
    throw new EngineError('conflict', 'docker.socket-taken', `another engine serves ${offer.link}; it is left alone`, {
      details: { path: offer.link, folder: path.dirname(offer.link) },
    })
  await rm(offer.link, { force: true })
  await symlink(offer.socket, offer.link)
}

/** Takes the link away when it is ours. */
export async function withdrawOffer(offer: SocketOffer): Promise<void> {
  if (offer.link === offer.socket || (await readOffer(offer)) !== 'ours') return
  await rm(offer.link, { force: true })
}
