import { z } from 'zod'
import type { DockerApi } from '../../contract/docker.ts'
import { createSettingsFile } from '../../store/settings-file.ts'
import type { ServiceContext } from '../context.ts'
import { type ContextPlace, readContext, writeContext } from './context-file.ts'
import { makeOffer, readOffer, type SocketOffer, withdrawOffer } from './offer.ts'

const Settings = z.object({ offersSocket: z.boolean().default(false) })

const hostOf = ({ config }: ServiceContext) => `unix://${config.socket}`
const placeOf = (context: ServiceContext): ContextPlace => ({
  folder: context.config.dockerConfigFolder,
  name: context.config.contextName,
  host: hostOf(context),
})
const offerOf = ({ config }: ServiceContext): SocketOffer => ({ link: config.offeredSocket, socket: config.socket })

const settingsOf = ({ layout }: ServiceContext) => createSettingsFile(layout.dockerSettings, Settings)

const wantsOffer = async (context: ServiceContext): Promise<boolean> =>
  context.config.offersSocket || (await settingsOf(context).read()).offersSocket

/** How clients reach the engine, and which do. */
export async function describeDockerApi(context: ServiceContext): Promise<DockerApi> {
  const place = placeOf(context)
  return {
    socket: context.config.socket,
    isServed: context.clients.isServed(),
    host: hostOf(context),
    context: { name: place.name, ...(await readContext(place)) },
    offer: {
      path: context.config.offeredSocket,
      state: await readOffer(offerOf(context)),
      isWanted: await wantsOffer(context),
    },
    clients: context.clients.list(),
  }
}

/** Makes the docker context that leads here. The current context stays what it is. */
export async function createDockerContext(context: ServiceContext): Promise<{ name: string }> {
  const place = placeOf(context)
  await writeContext(place)
  context.bus.publish({ type: 'client', action: 'context', id: place.name })
  return { name: place.name }
}

/** Offers the socket at the usual place or takes the offer back, now and for later starts. */
export async function offerDockerSocket(context: ServiceContext, isOn: boolean): Promise<void> {
  if (!isOn) await withdrawOffer(offerOf(context))
  else if (context.clients.isServed()) await makeOffer(offerOf(context))
  await settingsOf(context).write({ offersSocket: isOn })
  context.bus.publish({ type: 'client', action: 'offer', id: context.config.offeredSocket })
}

/** The socket is served from now on: the offer is made when it is wanted, and a place that is taken is left alone. */
export async function noteServing(context: ServiceContext): Promise<void> {
  context.clients.serve(true)
  try {
    if (await wantsOffer(context)) await makeOffer(offerOf(context))
  } catch (error) {
    context.log.warn({ path: context.config.offeredSocket, error: String(error) }, 'socket not offered')
  }
}

/** The socket is served no longer: nothing leads to it any more. */
export async function noteServed(context: ServiceContext): Promise<void> {
  if (!context.clients.isServed()) return
  context.clients.serve(false)
  await withdrawOffer(offerOf(context))
}
