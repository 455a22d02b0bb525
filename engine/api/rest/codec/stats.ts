import type { StatsSample } from '../../../contract/container.ts'
import { NO_TIME, timeOr } from './time.ts'

const toCpu = (sample: StatsSample | undefined) => ({
  cpu_usage: { total_usage: sample?.cpuNanoseconds ?? 0, usage_in_kernelmode: 0, usage_in_usermode: 0 },
  // One core's time: the client multiplies the share by `online_cpus`.
  system_cpu_usage: sample ? Math.round(sample.time * 1e6) : 0,
  online_cpus: 1,
  throttling_data: { periods: 0, throttled_periods: 0, throttled_time: 0 },
})

/** Of a container that does not run. */
export const NO_STATS = {
  read: NO_TIME,
  preread: NO_TIME,
  pids_stats: {},
  num_procs: 0,
  storage_stats: {},
  cpu_stats: toCpu(undefined),
  precpu_stats: toCpu(undefined),
  memory_stats: {},
  blkio_stats: {},
}

/** A sample as `GET /containers/{id}/stats` has it, with the one of before. Without a limit there is the machine's memory. */
export function toStats(sample: StatsSample, previous: StatsSample | undefined, machineBytes: number) {
  return {
    read: timeOr(new Date(sample.time).toISOString()),
    preread: timeOr(previous ? new Date(previous.time).toISOString() : ''),
    pids_stats: { current: sample.pids },
    num_procs: 0,
    storage_stats: {},
    cpu_stats: toCpu(sample),
    precpu_stats: toCpu(previous),
    memory_stats: {
      usage: sample.memoryBytes,
      limit: Math.min(sample.memoryLimitBytes || machineBytes, machineBytes),
      stats: {},
    },
    blkio_stats: {
      io_service_bytes_recursive: [
        { major: 0, minor: 0, op: 'read', value: sample.readBytes },
        { major: 0, minor: 0, op: 'write', value: sample.writtenBytes },
      ],
    },
    networks: Object.fromEntries(
      sample.interfaces.map(({ name, rxBytes, txBytes }) => [name, { rx_bytes: rxBytes, tx_bytes: txBytes }]),
    ),
  }
}
