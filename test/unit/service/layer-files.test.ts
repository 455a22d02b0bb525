import { describe, expect, it } from 'vitest'
import { buildTree, describeFolder } from '../../../engine/service/image/layer-files.ts'

const change = (path: string, kind: 'added' | 'changed' | 'removed', sizeBytes = 0, isFolder = false) => ({
  linkId: '',
  path,
  kind,
  sizeBytes,
  isFolder,
})

describe('what a layer has done, folder by folder', () => {
  const tree = buildTree([
    change('/etc', 'changed', 0, true),
    change('/etc/passwd', 'changed', 100),
    change('/etc/old', 'removed', 7),
    change('/usr', 'changed', 0, true),
    change('/usr/bin', 'added', 0, true),
    change('/usr/bin/tool', 'added', 5000),
    change('/file', 'added', 3),
  ])

  it('adds up all that is below a folder, and puts folders first', () => {
    expect(describeFolder(tree, '/')).toEqual({
      entries: [
        { name: 'etc', kind: 'changed', isFolder: true, sizeBytes: 107, changes: 2 },
        { name: 'usr', kind: 'changed', isFolder: true, sizeBytes: 5000, changes: 2 },
        { name: 'file', kind: 'added', isFolder: false, sizeBytes: 3, changes: 0 },
      ],
      sizeBytes: 5110,
      changes: 7,
    })
    expect(describeFolder(tree, '/etc').entries.map(({ name, kind }) => `${kind} ${name}`)).toEqual([
      'removed old',
      'changed passwd',
    ])
  })

  it('counts a file of several names once in its folders, and shows its size at each name', () => {
    const link = (path: string) => ({ ...change(path, 'added', 900), linkId: '1:7' })
    const linked = buildTree([
      change('/bin', 'added', 0, true),
      link('/bin/sh'),
      link('/bin/ls'),
      change('/bin/x', 'added', 5),
    ])
    expect(describeFolder(linked, '/').sizeBytes).toBe(905)
    expect(describeFolder(linked, '/bin').entries.map(({ sizeBytes }) => sizeBytes)).toEqual([900, 900, 5])
  })

  it('refuses a path that the layer has not touched', () => {
    expect(() => describeFolder(tree, '/var')).toThrow('the layer has changed nothing at /var')
  })
})
