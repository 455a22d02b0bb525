import { expect, test } from 'vitest'
import { readMountOptions, withoutPassword } from '../../../../engine/keeper/volumes/mount-options.ts'
import { resolveServer } from '../../../../engine/keeper/volumes/resolve-server.ts'

const [RDONLY, NOSUID, NODEV, BIND, REC, SLAVE] = [1, 2, 4, 4096, 16384, 1 << 19]

test('words that are flags of mount(2) are set apart from what is for the file system', () => {
  expect(readMountOptions('')).toEqual({ flags: 0, propagations: [], data: '' })
  expect(readMountOptions('size=64m,nosuid,uid=1000,nodev')).toEqual({
    flags: NOSUID | NODEV,
    propagations: [],
    data: 'size=64m,uid=1000',
  })
  expect(readMountOptions('defaults,rbind,ro,rslave')).toEqual({
    flags: BIND | REC | RDONLY,
    propagations: [SLAVE | REC],
    data: '',
  })
})

test('the later of two that contradict each other wins, and a remount is no flag', () => {
  expect(readMountOptions('ro,rw').flags).toBe(0)
  expect(readMountOptions('rw,ro').flags).toBe(RDONLY)
  expect(readMountOptions('bind,remount,ro')).toMatchObject({ flags: BIND | RDONLY, data: 'remount' })
})

test('no error shows a password', () => {
  expect(withoutPassword('username=ann,password=s3cret,vers=3.0')).toBe('username=ann,password=********,vers=3.0')
  expect(withoutPassword('pass=s3cret')).toBe('pass=********')
})

test('servers are given to the kernel by their addresses', async () => {
  const resolve = async (name: string) => (name === 'store.example' ? '192.0.2.7' : Promise.reject(new Error(name)))
  const nfs = { type: 'nfs', device: ':/srv', options: 'addr=store.example,rw' }
  expect(await resolveServer(nfs, resolve)).toEqual({ ...nfs, options: 'addr=192.0.2.7,rw' })
  const known = { type: 'nfs4', device: ':/srv', options: 'rw,addr=192.0.2.1' }
  expect(await resolveServer(known, resolve)).toBe(known)
  const cifs = { type: 'cifs', device: '//store.example/music', options: 'username=ann' }
  expect(await resolveServer(cifs, resolve)).toEqual({ ...cifs, device: '//192.0.2.7/music' })
  const disk = { type: 'ext4', device: '//store.example/x', options: 'addr=store.example' }
  expect(await resolveServer(disk, resolve)).toBe(disk)
})
