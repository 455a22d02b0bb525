import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import type { ArchiveEntry } from '../../../engine/host/host.ts'
import { planArchive } from '../../../engine/image/archive.ts'
import { createTarReader } from '../../../engine/lib/tar-reader.ts'
import {
  buildConfig,
  buildDockerArchive,
  buildOciArchive,
  buildOciParts,
  buildTar,
  digest,
  hex,
} from '../../fixtures/archives.ts'

/** An archive in memory, as the keeper's scan would list it. */
function plan(archive: Buffer, isCut = false) {
  const contents = new Map<number, Buffer>()
  const entries: ArchiveEntry[] = []
  let chunks: Buffer[] = []
  const reader = createTarReader({
    begin: () => {
      chunks = []
    },
    data: (chunk) => chunks.push(Buffer.from(chunk)),
    end: ({ name, type, linkName, size }) => {
      contents.set(entries.length, Buffer.concat(chunks))
      entries.push({ name, type: type as ArchiveEntry['type'], linkName, size, offset: entries.length })
    },
  })
  reader.push(archive)
  return planArchive(
    { path: '/archive', entries, isCut, read: async (entry) => contents.get(entry.offset) ?? Buffer.alloc(0) },
    'amd64',
  )
}
const layers = async () =>
  [await buildTar([{ name: 'a', content: '1' }]), await buildTar([{ name: 'b', content: '2' }])] as const
const oci = (manifest: object, more: { name: string; content: Buffer }[] = []) => {
  const bytes = Buffer.from(JSON.stringify(manifest))
  const index = { manifests: [{ digest: digest(bytes), size: bytes.length }] }
  return buildTar([
    ...more,
    { name: `blobs/sha256/${hex(bytes)}`, content: bytes },
    { name: 'index.json', content: JSON.stringify(index) },
  ])
}

describe('planning an archive', () => {
  it('reads docker archives, a layer that is repeated by symlink too', async () => {
    const [a, b] = await layers()
    const [image] = (await plan(await buildDockerArchive([a, b, a]))) ?? []
    expect(image?.references).toEqual(['docker.io/test/image:1'])
    expect(image?.layers.map((layer) => layer.diffId)).toEqual([digest(a), digest(b), digest(a)])
    expect(image?.layers[0]?.source).toEqual(image?.layers[2]?.source)
    expect(image?.configDigest).toBe(digest(buildConfig([a, b, a])))
  })

  it('refuses an image of more files than are listed, and takes anything else for a root file system', async () => {
    const [a] = await layers()
    await expect(plan(await buildDockerArchive([a]), true)).rejects.toMatchObject({
      reason: 'archive.too-many-entries',
      message: expect.stringContaining('manifest.json'),
    })
    await expect(plan(await oci({}), true)).rejects.toMatchObject({ reason: 'archive.too-many-entries' })
    expect(await plan(await buildTar([{ name: 'bin/manifest.json', content: '{}' }]), true)).toBeNull()
  })

  it.each([
    ['docker.io/test/oci:1', ['docker.io/test/oci:1']],
    ['team/app', ['docker.io/team/app:latest']],
    ['latest', []],
    ['v1.2', []],
  ])('takes %j of an OCI layout for the names %j', async (name, references) => {
    const [image] = (await plan(await buildOciArchive(await layers(), name))) ?? []
    expect(image?.references).toEqual(references)
  })

  it('refuses a name that is none before a layer is looked at', async () => {
    await expect(buildDockerArchive(await layers(), { tags: ['UPPER/x:1'] }).then(plan)).rejects.toThrow('UPPER/x:1')
    await expect(buildOciArchive(await layers(), 'a//b:1').then(plan)).rejects.toThrow('a//b:1')
  })

  it('reads OCI layouts', async () => {
    const [a, b] = await layers()
    const [image] = (await plan(await buildOciArchive([a, b]))) ?? []
    expect(image?.layers).toMatchObject([
      { digest: digest(gzipSync(a)), diffId: digest(a) },
      { digest: digest(gzipSync(b)), diffId: digest(b) },
    ])
    expect(image?.references).toEqual(['docker.io/test/oci:1'])
  })

  it('takes anything else for a root file system', async () => {
    expect(await plan(await buildTar([{ name: 'etc/passwd', content: 'x' }]))).toBeNull()
  })

  it('refuses a document that is manifest and index at once', async () => {
    await expect(plan(await oci({ manifests: [], layers: [] }))).rejects.toMatchObject({ reason: 'manifest.ambiguous' })
  })

  it('refuses a config that names more layers than there are', async () => {
    const [a, b] = await layers()
    await expect(plan(await buildDockerArchive([a], { config: buildConfig([a, b]) }))).rejects.toMatchObject({
      reason: 'config.layer-count',
    })
  })

  it('refuses what is no digest before it becomes a path', async () => {
    const [a] = await layers()
    const config = buildConfig([a], { rootfs: { type: 'layers', diff_ids: ['sha256:../../etc'] } })
    await expect(plan(await buildDockerArchive([a], { config }))).rejects.toMatchObject({ reason: 'digest.invalid' })
  })

  it('refuses sizes and contents that differ from the descriptor', async () => {
    const { entries, config } = buildOciParts([(await layers())[0]])
    const manifest = (more: object) => ({
      config: { digest: digest(config), size: config.length, ...more },
      layers: [],
    })
    const blobs = entries as { name: string; content: Buffer }[]
    await expect(plan(await oci(manifest({ size: 1 }), blobs))).rejects.toMatchObject({
      reason: 'archive.size-mismatch',
    })
    const forged = blobs.map((entry) =>
      entry.name.endsWith(hex(config)) ? { ...entry, content: Buffer.alloc(config.length, ' ') } : entry,
    )
    await expect(plan(await oci(manifest({}), forged))).rejects.toMatchObject({ reason: 'archive.digest-mismatch' })
  })

  it('refuses a manifest larger than 4 MiB', async () => {
    await expect(
      plan(await buildTar([{ name: 'manifest.json', content: Buffer.alloc(4 * 1024 * 1024 + 1, ' ') }])),
    ).rejects.toMatchObject({ reason: 'manifest.too-large' })
  })

  it('follows links of the archive inside the archive alone', async () => {
    await expect(
      plan(await buildTar([{ name: 'manifest.json', type: 'symlink', linkname: '/etc/passwd' }])),
    ).rejects.toMatchObject({ reason: 'archive.missing-entry' })
  })
})
