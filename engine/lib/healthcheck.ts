import { z } from 'zod'
import {
  DEFAULT_START_INTERVAL_SECONDS,
  type HealthcheckRequest,
  type HealthcheckSpec,
} from '../contract/healthcheck.ts'

const NANO = 1e9

const nanoseconds = z.number().nonnegative().nullish()

/** A healthcheck as images and the Docker API have it: 0 or nothing for what is not said. */
export const ImageHealthcheck = z.object({
  Test: z.array(z.string()).nullish(),
  Interval: nanoseconds,
  Timeout: nanoseconds,
  StartPeriod: nanoseconds,
  StartInterval: nanoseconds,
  Retries: z.number().int().nonnegative().nullish(),
})
export type ImageHealthcheck = z.output<typeof ImageHealthcheck>

/** What is said of a healthcheck; `null` for nothing. */
export function readHealthcheck(check: ImageHealthcheck): HealthcheckRequest | null {
  const seconds = (name: string, value: number | null | undefined) => (value ? { [name]: value / NANO } : {})
  const said = {
    ...(check.Test?.length ? { test: check.Test } : {}),
    ...seconds('intervalSeconds', check.Interval),
    ...seconds('timeoutSeconds', check.Timeout),
    ...seconds('startPeriodSeconds', check.StartPeriod),
    ...seconds('startIntervalSeconds', check.StartInterval),
    ...(check.Retries ? { retries: check.Retries } : {}),
  }
  return Object.keys(said).length > 0 ? said : null
}

/** The same the other way; a start that is not told from the default is left out. */
export function writeHealthcheck(check: HealthcheckSpec): ImageHealthcheck {
  const nano = (seconds: number) => Math.round(seconds * NANO)
  const { startPeriodSeconds, startIntervalSeconds } = check
  return {
    Test: check.test,
    Interval: nano(check.intervalSeconds),
    Timeout: nano(check.timeoutSeconds),
    ...(startPeriodSeconds ? { StartPeriod: nano(startPeriodSeconds) } : {}),
    ...(startIntervalSeconds === DEFAULT_START_INTERVAL_SECONDS ? {} : { StartInterval: nano(startIntervalSeconds) }),
    Retries: check.retries,
  }
}
