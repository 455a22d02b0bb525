import type { ImageDetail, ImageSummary } from '../../../contract/image.ts'
import { toUnix } from './time.ts'

/** A row of `GET /images/json`. */
export function toImageItem(image: ImageSummary, version: number) {
  return {
    Id: image.id,
    ParentId: '',
    // Before 1.43 an image without a name had one that says so.
    RepoTags: image.references.length > 0 || version >= 43 ? image.references : ['<none>:<none>'],
    RepoDigests: image.references.length > 0 || version >= 43 ? image.repoDigests : ['<none>@<none>'],
    Created: toUnix(image.createdAt),
    Size: image.sizeBytes,
    SharedSize: -1,
    Labels: image.labels,
    Containers: version >= 51 ? image.usedBy.length : -1,
    ...(version < 44 ? { VirtualSize: image.sizeBytes } : {}),
  }
}

/** `GET /images/{name}/json`. */
export function toImageInspect(image: ImageDetail, version: number) {
  const config = {
    User: image.user,
    Env: image.env,
    Cmd: image.command.length > 0 ? image.command : undefined,
    Entrypoint: image.entrypoint.length > 0 ? image.entrypoint : undefined,
    WorkingDir: image.workingDir,
    Labels: image.labels,
    ExposedPorts: Object.fromEntries(image.exposedPorts.map((port) => [port, {}])),
    Volumes: Object.fromEntries(image.volumes.map((volume) => [volume, {}])),
    ...(image.stopSignal ? { StopSignal: image.stopSignal } : {}),
  }
  return {
    Id: image.id,
    RepoTags: image.references,
    RepoDigests: image.repoDigests,
    Parent: '',
    Comment: '',
    Created: image.createdAt || undefined,
    DockerVersion: '',
    Author: '',
    Config: config,
    // docker-compose 1.29 reads the volumes of a container that it makes anew from here.
    ...(version < 45 ? { Container: '', ContainerConfig: config } : {}),
    Architecture: image.architecture,
    Os: image.os,
    Size: image.sizeBytes,
    ...(version < 44 ? { VirtualSize: image.sizeBytes } : {}),
    GraphDriver: { Name: 'overlay2', Data: {} },
    RootFS: { Type: 'layers', Layers: image.layers.map(({ diffId }) => diffId) },
    Metadata: { LastTagTime: '0001-01-01T00:00:00Z' },
  }
}

/** `GET /images/{name}/history`, newest first; sizes belong to the entries that made a layer. */
export function toHistory(image: ImageDetail) {
  const sizes = image.layers.map(({ sizeBytes }) => sizeBytes)
  return image.history
    .map((entry) => ({
      Id: '<missing>',
      Created: toUnix(entry.createdAt),
      CreatedBy: entry.createdBy,
      Tags: null as string[] | null,
      Size: entry.emptyLayer ? 0 : (sizes.shift() ?? 0),
      Comment: entry.comment,
    }))
    .reverse()
    .map((entry, index) => (index === 0 ? { ...entry, Id: image.id, Tags: image.references } : entry))
}
