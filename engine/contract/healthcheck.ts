import { z } from 'zod'

/** Seconds between probes in the start period where nothing is said of it. */
export const DEFAULT_START_INTERVAL_SECONDS = 5

const fields = {
  /** `['CMD', …]`, `['CMD-SHELL', text]`, or `['NONE']`. */
  test: z.array(z.string()),
  intervalSeconds: z.number().positive(),
  timeoutSeconds: z.number().positive(),
  startPeriodSeconds: z.number().min(0),
  /** Between probes in the start period, as long as none has succeeded. */
  startIntervalSeconds: z.number().positive(),
  retries: z.number().int().min(1),
}

/** How a container is found to be well or not. */
export const HealthcheckSpec = z.object({
  test: fields.test,
  intervalSeconds: fields.intervalSeconds.default(30),
  timeoutSeconds: fields.timeoutSeconds.default(30),
  startPeriodSeconds: fields.startPeriodSeconds.default(0),
  startIntervalSeconds: fields.startIntervalSeconds.default(DEFAULT_START_INTERVAL_SECONDS),
  retries: fields.retries.default(3),
})
export type HealthcheckSpec = z.output<typeof HealthcheckSpec>

/** What an image or a request says of one; what is left out is the image's, then the default. */
export const HealthcheckRequest = z.object(fields).partial()
export type HealthcheckRequest = z.output<typeof HealthcheckRequest>
