import path from 'node:path'

/*
 * The data root:
 *
 *   blobs/sha256/<hex>            layers and configs as they came, by digest
 *   layers/<hex of chain id>/     a layer's own changes in overlay form, shared by images
 *   images/<hex>.json             an image: its config's digest, layers, references
 *   containers/<id>/record.json   a container: what was asked, what it resolved to, its state
 *   containers/<id>/{hosts,hostname,resolv.conf}   bind-mounted into it
 *   containers/<id>/fs/{upper,work,merged}         its writable layer and the mount point
 *   containers/<id>/logs/ctr.log[.1 …]
 *   volumes/<name>/{record.json,_data/}
 *   networks/<name>.json
 *   registries.json              mirrors and insecure registries, as a person has set them
 *   network.json                  the host address of published ports that name none
 *   host-id                       what this engine is called by in a cluster
 *   cluster.json                  the cluster's store and this machine's address, written by a person
 *   docker.json                   whether the API's socket is offered where clients look
 *   tmp/                          half-made things; emptied at every start
 *
 * The runtime folder:
 *
 *   keeper.sock keeper.log keeper/   the keeper's socket, log and state
 *   bundles/<id>/                    OCI bundle, pid files, attach socket, control fifo
 *   mounts/<id>/{shm,<n>}            mounts of its own that are made before it: a shareable /dev/shm, parts of volumes
 */

/** Every path under the data root and the runtime folder, named once. */
export function createLayout(root: string, runtimeDir: string) {
  const container = (id: string) => path.join(root, 'containers', id)
  const volume = (name: string) => path.join(root, 'volumes', name)
  return {
    root,
    blobs: path.join(root, 'blobs/sha256'),
    layers: path.join(root, 'layers'),
    layer: (chainId: string) => path.join(root, 'layers', chainId.replace('sha256:', '')),
    blob: (digest: string) => path.join(root, 'blobs/sha256', digest.replace('sha256:', '')),
    images: path.join(root, 'images'),
    containers: path.join(root, 'containers'),
    container,
    containerFile: (id: string, name: 'record.json' | 'hosts' | 'hostname' | 'resolv.conf') =>
      path.join(container(id), name),
    upper: (id: string) => path.join(container(id), 'fs/upper'),
    work: (id: string) => path.join(container(id), 'fs/work'),
    merged: (id: string) => path.join(container(id), 'fs/merged'),
    log: (id: string) => path.join(container(id), 'logs/ctr.log'),
    volumes: path.join(root, 'volumes'),
    volume,
    volumeData: (name: string) => path.join(volume(name), '_data'),
    networks: path.join(root, 'networks'),
    hostId: path.join(root, 'host-id'),
    registries: path.join(root, 'registries.json'),
    networkSettings: path.join(root, 'network.json'),
    dockerSettings: path.join(root, 'docker.json'),
    temporary: path.join(root, 'tmp'),
    bundle: (id: string) => path.join(runtimeDir, 'bundles', id),
    mounts: (id: string) => path.join(runtimeDir, 'mounts', id),
    keeperLog: path.join(runtimeDir, 'keeper.log'),
  } as const
}
export type Layout = ReturnType<typeof createLayout>
