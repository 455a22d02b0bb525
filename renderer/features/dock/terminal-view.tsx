import { FitAddon } from '@xterm/addon-fit'
import { SearchAddon } from '@xterm/addon-search'
import { WebLinksAddon } from '@xterm/addon-web-links'
import { WebglAddon } from '@xterm/addon-webgl'
import { Terminal } from '@xterm/xterm'
import i18next from 'i18next'
import { useEffect, useRef, useState } from 'react'
import { api, desktop } from '../../api/client.ts'
import { errorText } from '../../api/error-text.ts'
import { reportFailureOf } from '../../state/activity.ts'
import { usePreferences } from '../../state/preferences.ts'
import { FindBar } from './find-bar.tsx'
import { isForProgram, type TerminalKeys } from './terminal-keys.ts'

// The best shell that the image has.
const SHELL = ['/bin/sh', '-c', 'if command -v bash >/dev/null 2>&1; then exec bash; else exec sh; fi']
const SHORTEST_PX = 20

interface TerminalProps {
  readonly containerId: string
  readonly kind: 'exec' | 'attach'
}

/** A terminal: a new shell in a container, or its main process. Output is acknowledged once it is drawn. */
export function TerminalView({ containerId, kind }: TerminalProps) {
  const host = useRef<HTMLDivElement>(null)
  const [opened, setOpened] = useState<OpenedTerminal>()
  const [isFinding, setFinding] = useState(false)
  useEffect(() => {
    if (!host.current) return
    const one = openTerminal(host.current, { containerId, kind, onFind: () => setFinding(true), onLeave: focusTab })
    setOpened(one)
    return one.close
  }, [containerId, kind])
  const closeFind = () => {
    setFinding(false)
    opened?.terminal.focus()
  }
  return (
    <>
      {opened && isFinding && <FindBar search={opened.search} onClose={closeFind} />}
      <div ref={host} className="terminal" data-testid="terminal" />
    </>
  )
}

const focusTab = () => document.querySelector<HTMLElement>('.dock-tab[data-active=true] button')?.focus()

interface OpenedTerminal {
  readonly terminal: Terminal
  readonly search: SearchAddon
  readonly close: () => void
}

function openTerminal(
  element: HTMLElement,
  { containerId, kind, ...keys }: TerminalProps & TerminalKeys,
): OpenedTerminal {
  const terminal = new Terminal({
    fontSize: 13,
    fontFamily: '"JetBrains Mono", "DejaVu Sans Mono", "Noto Sans Mono CJK KR", monospace',
    theme: { background: '#0c1012', foreground: '#d6dde0', cursor: '#53b9bc' },
    scrollback: 10_000,
    convertEol: kind === 'attach',
    screenReaderMode: usePreferences.getState().hasScreenReader,
    // Marking what was found is one.
    allowProposedApi: true,
  })
  const forget = usePreferences.subscribe(({ hasScreenReader }) => {
    terminal.options.screenReaderMode = hasScreenReader
  })
  const fit = new FitAddon()
  const search = new SearchAddon()
  terminal.loadAddon(fit)
  terminal.loadAddon(search)
  terminal.loadAddon(new WebLinksAddon((_event, url) => reportFailureOf(url, desktop.openExternal({ url }))))
  terminal.open(element)
  drawWithWebgl(terminal)
  fit.fit()
  // The test suite reads the screen through this.
  Object.assign(element, { terminal })
  const size = { columns: terminal.cols, rows: terminal.rows }
  const stream =
    kind === 'exec'
      ? api.container.exec({ id: containerId, command: SHELL, ...size })
      : api.container.attach({ id: containerId })
  const encoder = new TextEncoder()
  terminal.onData((text) => stream.send({ type: 'data', data: encoder.encode(text) }))
  terminal.onBinary((text) => stream.send({ type: 'data', data: Uint8Array.from(text, (one) => one.charCodeAt(0)) }))
  terminal.onResize(({ cols, rows }) => stream.send({ type: 'resize', columns: cols, rows }))
  stream.send({ type: 'resize', ...size })
  terminal.attachCustomKeyEventHandler((event) => isForProgram(terminal, event, keys))
  const observer = new ResizeObserver(() => element.clientHeight > SHORTEST_PX && fit.fit())
  observer.observe(element)
  terminal.focus()
  void show(terminal, stream)
  const close = () => {
    forget()
    observer.disconnect()
    stream.close()
    terminal.dispose()
  }
  return { terminal, search, close }
}

async function show(terminal: Terminal, stream: ReturnType<typeof api.container.exec>): Promise<void> {
  try {
    for await (const frame of stream) {
      if (frame.type === 'data') await new Promise<void>((resolve) => terminal.write(frame.data, resolve))
      else terminal.writeln(`\r\n\x1b[2m${i18next.t('ended', { code: frame.exitCode })}\x1b[0m`)
    }
  } catch (error) {
    terminal.writeln(`\r\n\x1b[31m${errorText(error)}\x1b[0m`)
  }
}

/** The fast renderer where the graphics allow it; the DOM one otherwise, also when the context is lost. */
function drawWithWebgl(terminal: Terminal): void {
  try {
    const webgl = new WebglAddon()
    webgl.onContextLoss(() => webgl.dispose())
    terminal.loadAddon(webgl)
  } catch {
    // Without WebGL xterm draws with the DOM.
  }
}
