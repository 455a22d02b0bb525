import { useEffect, useRef } from 'react'
import { useTranslation } from 'react-i18next'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import type { ContainerSummary, StatsSample } from '../../../engine/contract/container.ts'
import { Facts } from '../../components/facts.tsx'
import { formatBytes } from '../../lib/format.ts'
import { useStats } from '../../state/stats.ts'

const NO_SAMPLES: readonly StatsSample[] = []
const cpuOf = (sample: StatsSample) => sample.cpuPercent
const memoryOf = (sample: StatsSample) => sample.memoryBytes
const formatPercent = (value: number) => `${value.toFixed(0)} %`

/** Two minutes of a container's figures. */
export function StatsTab({ container }: { readonly container: ContainerSummary }) {
  const { t } = useTranslation()
  const samples = useStats(({ history }) => history.get(container.id) ?? NO_SAMPLES)
  const last = samples.at(-1)
  if (!last) return <p className="quiet">{t('noStats')}</p>
  const limit = last.memoryLimitBytes > 0 ? ` / ${formatBytes(last.memoryLimitBytes)}` : ''
  return (
    <>
      <Chart
        title="CPU"
        now={`${last.cpuPercent.toFixed(1)} %`}
        samples={samples}
        read={cpuOf}
        formatValue={formatPercent}
      />
      <Chart
        title={t('memory')}
        now={`${formatBytes(last.memoryBytes)}${limit}`}
        samples={samples}
        read={memoryOf}
        formatValue={formatBytes}
      />
      <Facts
        facts={[
          [t('processes'), String(last.pids)],
          [t('received'), formatBytes(last.rxBytes)],
          [t('sent'), formatBytes(last.txBytes)],
          [t('diskRead'), formatBytes(last.readBytes)],
          [t('diskWritten'), formatBytes(last.writtenBytes)],
        ]}
      />
    </>
  )
}

interface ChartProps {
  readonly title: string
  readonly now: string
  readonly samples: readonly StatsSample[]
  readonly read: (sample: StatsSample) => number
  readonly formatValue: (value: number) => string
}

function Chart({ title, now, samples, read, formatValue }: ChartProps) {
  const host = useRef<HTMLDivElement>(null)
  const chart = useRef<uPlot>(null)
  useEffect(() => {
    const element = host.current
    if (!element) return
    const plot = new uPlot(chartOptions(element, formatValue), [[], []], element)
    chart.current = plot
    const observer = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height: 110 }))
    observer.observe(element)
    return () => {
      observer.disconnect()
      plot.destroy()
    }
  }, [formatValue])
  useEffect(() => {
    chart.current?.setData([samples.map((sample) => sample.time / 1000), samples.map(read)])
  }, [samples, read])
  return (
    <div className="chart">
      <div className="chart-title">
        <span className="strong">{title}</span>
        <span className="num">{now}</span>
      </div>
      <div ref={host} role="img" aria-label={`${title}: ${now}`} />
    </div>
  )
}

function chartOptions(element: HTMLElement, formatValue: (value: number) => string): uPlot.Options {
  const colour = (name: string) => getComputedStyle(element).getPropertyValue(name)
  const probe = document.createElement('span')
  element.append(probe)
  const resolved = (name: string) => {
    // A canvas does not know light-dark(): let the browser work it out on an element.
    probe.style.color = `var(${name})`
    return getComputedStyle(probe).color || colour(name)
  }
  const [accent, quiet, line] = [resolved('--accent'), resolved('--quiet'), resolved('--line')]
  probe.remove()
  const axis = { stroke: quiet, grid: { stroke: line, width: 1 }, ticks: { show: false }, font: '11px sans-serif' }
  return {
    width: element.clientWidth,
    height: 110,
    legend: { show: false },
    cursor: { show: false },
    scales: { y: { range: (_plot, _min, max) => [0, Math.max(max * 1.1, 1)] } },
    axes: [axis, { ...axis, size: 62, values: (_plot, ticks) => ticks.map(formatValue) }],
    series: [{}, { stroke: accent, width: 1.5, fill: `color-mix(in srgb, ${accent} 14%, transparent)` }],
  }
}
