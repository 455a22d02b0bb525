import { IconFileImport } from '@tabler/icons-react'
import { useEffect, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { importArchive } from '../../state/activity.ts'
import { useView } from '../../state/view.ts'

/** The whole window takes image archives. */
export function DropZone() {
  const { t } = useTranslation()
  const [depth, setDepth] = useState(0)
  useEffect(() => {
    const hasFiles = (event: DragEvent) => event.dataTransfer?.types.includes('Files') === true
    const enter = (event: DragEvent) => hasFiles(event) && setDepth((value) => value + 1)
    const leave = (event: DragEvent) => hasFiles(event) && setDepth((value) => Math.max(0, value - 1))
    const over = (event: DragEvent) => event.preventDefault()
    const drop = (event: DragEvent) => {
      event.preventDefault()
      setDepth(0)
      for (const file of event.dataTransfer?.files ?? []) {
        useView.getState().show('images')
        void importArchive(window.slipway.pathForFile(file))
      }
    }
    const listeners = { dragenter: enter, dragleave: leave, dragover: over, drop } as const
    for (const [name, listener] of Object.entries(listeners)) window.addEventListener(name, listener as EventListener)
    return () => {
      for (const [name, listener] of Object.entries(listeners))
        window.removeEventListener(name, listener as EventListener)
    }
  }, [])
  return depth > 0 ? (
    <div className="drop" data-testid="drop-overlay">
      <IconFileImport size={36} stroke={1.3} aria-hidden />
      {t('drop')}
    </div>
  ) : null
}
