import { IconDeviceFloppy, IconX } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import type { ImageSummary } from '../../../engine/contract/image.ts'
import { desktop } from '../../api/client.ts'
import { containerList, imageDetail } from '../../app/queries.ts'
import { Facts } from '../../components/facts.tsx'
import { IconButton } from '../../components/icon-button.tsx'
import { formatBytes } from '../../lib/format.ts'
import { saveImage } from '../../state/activity.ts'
import { useView } from '../../state/view.ts'
import { openContainer } from '../topology/pane.tsx'
import { LayerList } from './layer-files.tsx'

/** One image beside the list: its configuration, layers and history. */
export function ImagePane({ image }: { readonly image: ImageSummary }) {
  const { t } = useTranslation()
  const { open } = useView()
  const { data: detail } = useQuery(imageDetail(image.id))
  const mono = (text: string | undefined) => (text ? <span className="mono">{text}</span> : '')
  const name = image.references[0] ?? image.id.slice(7, 19)
  return (
    <aside className="detail" aria-label={name} data-testid="detail">
      <div className="detail-head">
        <h2>{name}</h2>
        <IconButton
          label={t('saveImage')}
          Icon={IconDeviceFloppy}
          testId="image-save"
          onClick={() => void pickAndSave(image.references[0] ?? image.id, name)}
        />
        <IconButton label={t('close')} Icon={IconX} onClick={() => open('images', image.id)} />
      </div>
      <div className="detail-body">
        <Facts
          title={t('image')}
          facts={[
            ['ID', mono(image.id)],
            [t('names'), image.references.join(', ')],
            [t('platform'), `${image.os}/${image.architecture}`],
            [t('size'), formatBytes(image.sizeBytes)],
            [t('usedBy'), <UsedBy key="used" ids={image.usedBy} />],
          ]}
        />
        {detail && (
          <>
            <Facts
              title={t('process')}
              facts={[
                ['Entrypoint', mono(detail.entrypoint.join(' '))],
                [t('command'), mono(detail.command.join(' '))],
                [t('user'), detail.user],
                [t('workingDir'), mono(detail.workingDir)],
                [t('ports'), detail.exposedPorts.join(', ')],
                [t('volumes'), detail.volumes.join(', ')],
              ]}
            />
            <LayerList image={detail} />
            <Facts
              title={t('history')}
              facts={detail.history.map(({ createdBy, emptyLayer }, index) => [
                `${index + 1}`,
                <span key={createdBy} className={emptyLayer ? 'mono quiet' : 'mono'}>
                  {createdBy || '–'}
                </span>,
              ])}
            />
            <Facts
              title={t('environment')}
              facts={detail.env.map((entry) => {
                const cut = entry.indexOf('=')
                return [entry.slice(0, cut), mono(entry.slice(cut + 1))]
              })}
            />
          </>
        )}
      </div>
    </aside>
  )
}

function UsedBy({ ids }: { readonly ids: readonly string[] }) {
  const { data: containers = [] } = useQuery(containerList)
  const users = containers.filter(({ id }) => ids.includes(id))
  if (users.length === 0) return '–'
  return users.map(({ id, name }) => (
    <button key={id} type="button" className="link" style={{ marginRight: 8 }} onClick={() => openContainer(id)}>
      {name}
    </button>
  ))
}

/** Asks where to, and saves. The name that is offered is the image's own without what file names cannot have. */
async function pickAndSave(reference: string, name: string): Promise<void> {
  const path = await desktop.pickSavePath({ name: `${name.replace(/[^\w.-]+/g, '-')}.tar` })
  if (path) await saveImage(reference, path)
}
