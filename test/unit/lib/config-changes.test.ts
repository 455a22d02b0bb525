import { describe, expect, it } from 'vitest'
import { changeConfig } from '../../../engine/lib/config-changes.ts'

describe('changes of an image’s config', () => {
  it('takes commands as lists and by the shell', () => {
    expect(changeConfig({}, ['CMD ["a","b c"]', 'ENTRYPOINT exec x'])).toEqual({
      Cmd: ['a', 'b c'],
      Entrypoint: ['/bin/sh', '-c', 'exec x'],
    })
  })

  it('replaces variables in place, with quotes and in the older form', () => {
    const config = { Env: ['A=1', 'B=2'] }
    expect(changeConfig(config, ['ENV A="x y" C=3', 'ENV D the rest'])).toEqual({
      Env: ['A=x y', 'B=2', 'C=3', 'D=the rest'],
    })
  })

  it('adds ports, labels and volumes to those that are there', () => {
    const config = { ExposedPorts: { '80/tcp': {} }, Labels: { a: '1' }, Volumes: null }
    expect(changeConfig(config, ['EXPOSE 53/udp 8080', "LABEL b='two'", 'VOLUME ["/x y"]'])).toEqual({
      ExposedPorts: { '80/tcp': {}, '53/udp': {}, '8080/tcp': {} },
      Labels: { a: '1', b: 'two' },
      Volumes: { '/x y': {} },
    })
  })

  it('resolves a working directory in the one before', () => {
    expect(changeConfig({ WorkingDir: '/srv' }, ['WORKDIR app', 'USER ann'])).toEqual({
      WorkingDir: '/srv/app',
      User: 'ann',
    })
  })

  it('refuses what no config has', () => {
    expect(() => changeConfig({}, ['RUN rm -rf /'])).toThrow('is not a valid change')
    expect(() => changeConfig({}, ['CMD'])).toThrow('is not a valid change')
  })
})
