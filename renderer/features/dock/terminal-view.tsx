import { FitAddon } from '@xterm/addon-fit'
import { Terminal } from '@xterm/xterm'
import i18next from 'i18next'
import { useEffect, useRef } from 'react'
import { EngineError } from '../../../engine/contract/errors.ts'
import { api } from '../../api/client.ts'

/** A terminal: a new shell in a container, or its main process. Output is acknowledged once it is drawn. */
export function TerminalView({
  containerId,
  kind,
}: {
  readonly containerId: string
  readonly kind: 'exec' | 'attach'
}) {
  const host = useRef<HTMLDivElement>(null)
  useEffect(() => {
    const element = host.current
    if (!element) return
    const terminal = new Terminal({
      fontSize: 13,
      fontFamily: '"JetBrains Mono", "DejaVu Sans Mono", monospace',
      theme: { background: '#0e1214' },
      convertEol: kind === 'attach',
    })
    const fit = new FitAddon()
    terminal.loadAddon(fit)
    terminal.open(element)
    fit.fit()
    Object.assign(element, { __xterm: terminal })
    const size = { columns: terminal.cols, rows: terminal.rows }
    const stream =
      kind === 'exec'
        ? api.container.exec({ id: containerId, command: ['/bin/sh'], ...size })
        : api.container.attach({ id: containerId })
    const encoder = new TextEncoder()
    terminal.onData((text) => stream.send({ type: 'data', data: encoder.encode(text) }))
    terminal.onResize(({ cols, rows }) => stream.send({ type: 'resize', columns: cols, rows }))
    stream.send({ type: 'resize', ...size })
    const observer = new ResizeObserver(() => element.clientWidth > 0 && fit.fit())
    observer.observe(element)
    terminal.focus()
    void (async () => {
      try {
        for await (const frame of stream) {
          if (frame.type === 'data') await new Promise<void>((resolve) => terminal.write(frame.data, resolve))
          else terminal.writeln(`\r\n${i18next.t('ended', { code: frame.exitCode })}`)
        }
      } catch (error) {
        terminal.writeln(`\r\n${EngineError.from(error).message}`)
      }
    })()
    return () => {
      observer.disconnect()
      stream.close()
      terminal.dispose()
    }
  }, [containerId, kind])
  return <div ref={host} data-testid="terminal" style={{ height: '100%' }} />
}
