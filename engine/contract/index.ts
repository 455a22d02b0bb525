import { capture } from './capture.ts'
import { container } from './container.ts'
import type { Client as ClientOf, Handlers as HandlersOf } from './define.ts'
import { docker } from './docker.ts'
import { image } from './image.ts'
import { network } from './network.ts'
import { reach } from './reach.ts'
import { registry } from './registry.ts'
import { system } from './system.ts'
import { volume } from './volume.ts'

/** Every procedure of the engine, declared once. Handlers, client, validation and types derive from it. */
export const contract = { capture, container, docker, image, registry, volume, network, reach, system } as const
export type Contract = typeof contract
export type Handlers = HandlersOf<Contract>
export type Client = ClientOf<Contract>

export * from './capture.ts'
export * from './container.ts'
export type { CallContext, ClientStream } from './define.ts'
export * from './docker.ts'
export * from './doctor.ts'
export * from './errors.ts'
export * from './image.ts'
export * from './network.ts'
export * from './reach.ts'
export * from './registry.ts'
export * from './system.ts'
export * from './volume.ts'
