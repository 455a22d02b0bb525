/** A behaviour that the guest tries; it throws where it does not hold. */
export interface Scenario {
  readonly title: string
  readonly run: () => Promise<void>
}

/** Scenarios that run one after the other in a process of their own. */
export interface Group {
  readonly name: string
  readonly scenarios: readonly Scenario[]
}

/** How the guest names a scenario when it reports. */
export const reportName = (group: Group, scenario: Scenario): string => `${group.name}: ${scenario.title}`
