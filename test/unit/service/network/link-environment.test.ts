import { describe, expect, it } from 'vitest'
import { linkVariables } from '../../../../engine/service/network/link-environment.ts'

const link = { parent: 'web', alias: 'my-db', address: '172.17.0.5', exposedPorts: [], env: [] }

describe('the variables of a link', () => {
  it('tell every exposed port, the first of TCP for the whole, as Docker writes them', () => {
    expect(linkVariables({ ...link, exposedPorts: ['53/udp', '3306/tcp'] })).toEqual([
      'MY_DB_PORT=tcp://172.17.0.5:3306',
      'MY_DB_PORT_3306_TCP=tcp://172.17.0.5:3306',
      'MY_DB_PORT_3306_TCP_ADDR=172.17.0.5',
      'MY_DB_PORT_3306_TCP_PORT=3306',
      'MY_DB_PORT_3306_TCP_PROTO=tcp',
      'MY_DB_PORT_53_UDP=udp://172.17.0.5:53',
      'MY_DB_PORT_53_UDP_ADDR=172.17.0.5',
      'MY_DB_PORT_53_UDP_PORT=53',
      'MY_DB_PORT_53_UDP_PROTO=udp',
      'MY_DB_NAME=/web/my-db',
    ])
  })

  it('tell ports that follow each other as a range too', () => {
    const text = linkVariables({ ...link, exposedPorts: ['7002/tcp', '7000/tcp', '7001/tcp', '80/tcp'] })
    expect(text).toEqual(
      expect.arrayContaining([
        'MY_DB_PORT_7000_TCP_START=tcp://172.17.0.5:7000',
        'MY_DB_PORT_7000_TCP_PORT_START=7000',
        'MY_DB_PORT_7002_TCP_END=tcp://172.17.0.5:7002',
        'MY_DB_PORT_7002_TCP_PORT_END=7002',
      ]),
    )
    expect(text.filter((entry) => entry.includes('_START='))).toHaveLength(2)
  })

  it('tell the other’s environment but for what every container has of its own', () => {
    const env = ['PATH=/bin', 'HOME=/root', 'USER=root', 'odd']
    expect(linkVariables({ ...link, env })).toEqual(['MY_DB_NAME=/web/my-db', 'MY_DB_ENV_USER=root'])
  })
})
