import type { Handlers } from '../contract/index.ts'
import { hasLabels } from '../lib/labels.ts'
import type { Services } from '../service/services.ts'

/** The contract's procedures, each a call of one service. Inputs are parsed before they come here. */
export function createHandlers(services: Services): Handlers {
  const { capture, container, docker, image, registry, volume, network, reach, system } = services
  return {
    capture: {
      start: (input, { up, signal }) => capture.start(input, { up, signal }),
    },
    container: {
      list: async ({ all }) => container.list(all),
      inspect: async ({ id }) => container.inspect(id),
      create: (input) => container.create(input),
      start: ({ id }) => container.start(id),
      stop: ({ id, timeoutSeconds }) => container.stop(id, { timeoutSeconds }),
      restart: ({ id, timeoutSeconds }) => container.restart(id, { timeoutSeconds }),
      kill: ({ id, signal }) => container.kill(id, signal),
      pause: ({ id }) => container.pause(id),
      unpause: ({ id }) => container.unpause(id),
      rename: ({ id, name }) => container.rename(id, name),
      setPorts: ({ id, ports }) => container.setPorts(id, ports),
      update: async ({ id, ...change }) => ({ warnings: [...(await container.update(id, change))] }),
      recreate: ({ id, change }) => container.recreate(id, change),
      remove: ({ id, ...options }) => container.remove(id, options),
      wait: ({ id }, { signal }) => container.wait(id, signal),
      logWindow: (input) => container.logWindow(input),
      logFollow: (input, { signal }) => container.logFollow(input, signal),
      stats: ({ ids }, { signal }) => container.stats(ids, signal),
      attach: ({ id }, { up, signal }) => container.attach(id, up, signal),
      exec: (input, { up, signal }) => container.exec(input, up, signal),
    },
    docker: {
      describe: () => docker.describe(),
      createContext: () => docker.createContext(),
      offerSocket: ({ isOn }) => docker.offerSocket(isOn),
    },
    image: {
      list: () => image.list(),
      inspect: ({ id }) => image.inspect(id),
      importArchive: ({ path }, { signal }) => image.importArchive(path, signal),
      createStarter: (_, { signal }) => image.createStarter(signal),
      pull: (input, { signal }) => image.pull(input, signal),
      push: (input, { signal }) => image.push(input, signal),
      save: ({ ids, path }, { signal }) => image.saveToFile(ids, path, signal),
      commit: async (input, { signal }) => ({ id: await image.commit(input, signal) }),
      layerFiles: (input) => image.layerFiles(input),
      prune: (input) => image.prune(input),
      tag: ({ id, reference }) => image.tag(id, reference),
      remove: ({ id, force }) => image.remove(id, force),
    },
    registry: {
      list: () => registry.list(),
      login: (input, { signal }) => registry.login(input, signal),
      logout: ({ host }) => registry.logout(host),
      test: ({ host }, { signal }) => registry.test(host, signal),
      settings: () => registry.settings(),
      setSettings: (input) => registry.setSettings(input),
      search: (input, { signal }) => registry.search(input, signal),
      checkLogin: ({ host, auth }, { signal }) => registry.checkLogin(host, auth, signal),
      tags: (input, { signal }) => registry.tags(input, signal),
    },
    volume: {
      list: async () => (await volume.listAll()).volumes,
      sizes: () => volume.sizes(),
      create: (input) => volume.create(input),
      remove: ({ name }) => volume.remove(name),
    },
    network: {
      list: async () => network.list(),
      inspect: async ({ id }) => network.inspect(id),
      create: (input) => network.create(input),
      remove: ({ id }) => network.remove(id),
      prune: ({ labels: wanted }) => network.prune(({ labels }) => hasLabels(labels, wanted)),
      connect: (input) => network.connect(input),
      traffic: (_, { signal }) => network.traffic(signal),
      disconnect: (input) => network.disconnect(input),
      machine: async () => network.machine(),
      rules: (input) => network.rules(input),
      settings: async () => network.settings(),
      setSettings: (input) => network.setSettings(input),
    },
    reach: {
      describe: (input) => reach.describe(input),
      probe: (input) => reach.probe(input),
    },
    system: {
      info: () => system.info(),
      diskUsage: () => system.diskUsage(),
      events: (_, { signal }) => system.events(signal),
      portAdvice: (input) => system.portAdvice(input),
    },
  }
}
