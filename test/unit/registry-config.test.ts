import { expect, test } from 'vitest'
import { loadConfig } from '../../engine/config.ts'

const places = (env: NodeJS.ProcessEnv, uid = 1000) =>
  loadConfig({ keeperFile: '/keeper.js', uid, env: { HOME: '/home/anna', ...env } }).certificates

test('the system’s authorities are looked for where distributions have them, and where the environment says', () => {
  expect(places({}).bundles).toContain('/etc/ssl/certs/ca-certificates.crt')
  expect(places({}).bundles).toContain('/etc/pki/tls/certs/ca-bundle.crt')
  expect(places({}).folders).toContain('/etc/ssl/certs')
  expect(places({ SSL_CERT_FILE: '/own/ca.pem' })).toMatchObject({ bundles: ['/own/ca.pem'], folders: [] })
  expect(places({ SSL_CERT_DIR: '/own:/more' }).folders).toEqual(['/own', '/more'])
  expect(places({ SSL_CERT_FILE: '/own/ca.pem', SSL_CERT_DIR: '/own' }).folders).toEqual(['/own'])
})

test('a registry of the environment that is no host is refused by its name', () => {
  const load = (list: string) =>
    loadConfig({ keeperFile: '/keeper.js', uid: 0, env: { SLIPWAY_INSECURE_REGISTRIES: list } }).insecureRegistries
  expect(load('registry.lan:5000,[fd00::1]')).toEqual(['registry.lan:5000', '[fd00::1]'])
  expect(() => load('registry.lan,http://other.lan')).toThrow('"http://other.lan" is no host of a registry')
})

test('certificates for single registries are docker’s, the user’s and those of its command', () => {
  expect(places({}).registryFolders).toEqual(['/etc/docker', '/home/anna/.config/docker', '/home/anna/.docker'])
  expect(places({ XDG_CONFIG_HOME: '/cfg', DOCKER_CONFIG: '/own' }).registryFolders).toEqual([
    '/etc/docker',
    '/cfg/docker',
    '/own',
  ])
  expect(places({}, 0).registryFolders).toEqual(['/etc/docker', '/home/anna/.docker'])
})
