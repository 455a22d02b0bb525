import { describe, expect, test } from 'vitest'
import { type ContainerDetail, CreateContainer } from '../../../engine/contract/container.ts'
import { fieldsOf, planEdit } from '../../../renderer/features/containers/edit-request.ts'
import { joinCommand, splitCommand } from '../../../renderer/lib/split-command.ts'

const place = (network: string, more: object = {}) => ({
  network,
  aliases: [],
  links: [],
  priority: 0,
  requested: { ipAddress: '', ipv6Address: '' },
  ...more,
})
const config = CreateContainer.parse({
  image: 'web',
  command: ['sh', '-c', 'echo "a  b"'],
  env: ['A=1', 'B=x=y'],
  ports: [
    { containerPort: 80, hostPort: 8080 },
    { containerPort: 443, hostIp: '::1', protocol: 'udp' },
    { containerPort: 90, hostIp: '127.0.0.1', hostPort: 9000, hostPortEnd: 9010 },
  ],
  mounts: [
    { type: 'volume', source: 'data', target: '/data', noCopy: true },
    { type: 'tmpfs', target: '/run' },
  ],
  resources: { memoryBytes: 2 ** 29, cpus: 0.5, pids: 9 },
  restart: { name: 'always' },
})
const detail = {
  name: 'shop',
  config,
  networks: [place('front', { aliases: ['www'], priority: 7 }), place('back')],
} as unknown as ContainerDetail
const fields = fieldsOf(detail)

describe('an edited container', () => {
  test('is left alone when nothing was typed', () => {
    expect(planEdit(detail, fields)).toEqual({ kind: 'nothing' })
    expect(fields.ports.map(({ hostPort }) => hostPort)).toEqual(['8080', '[::1]:', '127.0.0.1:9000-9010'])
    expect(splitCommand(fields.command)).toEqual(config.command)
    for (const words of [['a', '', "it's"], ['"', '\\ '], ['a\'b"c']])
      expect(splitCommand(joinCommand(words))).toEqual(words)
  })

  test('changes at once where it can', () => {
    const [port] = fields.ports
    const ports = port ? [{ ...port, hostPort: '9090' }] : []
    expect(planEdit(detail, { ...fields, name: ' shop2 ', ports, memory: '1g', restart: 'no' })).toEqual({
      kind: 'live',
      name: 'shop2',
      ports: [{ hostIp: '', hostPort: 9090, containerPort: 80, protocol: 'tcp' }],
      update: { resources: { memoryBytes: 2 ** 30 }, restart: { name: 'no', maximumRetryCount: 0 } },
    })
  })

  test('is made anew for the rest, with what was changed and no more', () => {
    const env = [{ name: 'A', value: '2' }]
    expect(planEdit(detail, { ...fields, env, name: 'other' })).toEqual({
      kind: 'anew',
      change: { env: ['A=2'], name: 'other' },
    })
    const lifted = planEdit(detail, { ...fields, memory: '' })
    expect(lifted).toEqual({ kind: 'anew', change: { resources: { ...config.resources, memoryBytes: 0 } } })
  })

  test('keeps of mounts and networks what the dialog does not show', () => {
    const [mount] = fields.mounts
    const mounts = mount
      ? [
          { ...mount, isReadOnly: true },
          { source: '', target: '/new', isReadOnly: false },
        ]
      : []
    const networks = [{ network: 'front', ipAddress: '10.0.0.9' }]
    expect(planEdit(detail, { ...fields, mounts, networks })).toMatchObject({
      change: {
        mounts: [
          { source: 'data', noCopy: true, readOnly: true },
          { type: 'volume', target: '/new' },
          { type: 'tmpfs' },
        ],
        network: 'front',
        endpoints: [{ network: 'front', ipAddress: '10.0.0.9', aliases: ['www'], priority: 7 }],
      },
    })
    expect(planEdit(detail, { ...fields, networks: [{ network: 'host', ipAddress: '' }] })).toEqual({
      kind: 'anew',
      change: { network: 'host', endpoints: [] },
    })
  })
})
