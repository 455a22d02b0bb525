import { describe, expect, it, test } from 'vitest'
import { chooseProfile, discardedProfile } from '../../../engine/runtime/apparmor.ts'

const asked = (option: string, privileged = false) => ({ privileged, securityOptions: option ? [option] : [] })
const loaded = { appArmor: 'loaded', mode: 'rootful' } as const
const missing = { appArmor: 'missing', mode: 'rootful' } as const
const none = { appArmor: 'none', mode: 'rootful' } as const
const rootless = { appArmor: 'none', mode: 'rootless' } as const

describe('the AppArmor profile of a container', () => {
  test.each([
    ['', 'slipway-default'],
    ['apparmor=docker-default', 'slipway-default'],
    ['apparmor:slipway-default', 'slipway-default'],
    ['apparmor=mine', 'mine'],
    ['apparmor=unconfined', 'unconfined'],
  ])('that asks for %j is %s', (option, profile) => {
    expect(chooseProfile(asked(option), loaded)).toBe(profile)
    // Whether the default one can be had is found out when it is needed: it may have become so.
    expect(chooseProfile(asked(option), missing)).toBe(profile)
    expect(chooseProfile(asked(option), none)).toBe('')
    expect(chooseProfile(asked(option, true), loaded)).toBe('unconfined')
    expect(chooseProfile(asked(option, true), none)).toBe('')
  })

  it('is told of as discarded where it was asked for by a name that is not Docker’s, and none can be had', () => {
    expect(discardedProfile(asked('apparmor=mine'), none)).toEqual([
      'This system has no AppArmor. Profile mine discarded.',
    ])
    expect(discardedProfile(asked('apparmor=mine'), rootless)).toEqual([
      'Without root no AppArmor profile is given. Profile mine discarded.',
    ])
    expect(discardedProfile(asked('apparmor=mine'), loaded)).toEqual([])
    for (const option of ['', 'apparmor=docker-default', 'apparmor=unconfined'])
      expect(discardedProfile(asked(option), none)).toEqual([])
  })
})
