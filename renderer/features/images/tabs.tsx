import { Button } from '@mantine/core'
import { IconCloudUpload, IconTag, IconTrash } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import type { ImageDetail } from '../../../engine/contract/image.ts'
import { api } from '../../api/client.ts'
import { containerList } from '../../app/queries.ts'
import { CopyLine } from '../../components/copy-line.tsx'
import { Elapsed } from '../../components/elapsed.tsx'
import { Facts, mono } from '../../components/facts.tsx'
import { IconButton } from '../../components/icon-button.tsx'
import { formatBytes } from '../../lib/format.ts'
import { pushImage, reportFailure } from '../../state/activity.ts'
import { useDialog } from '../../state/dialog.ts'
import { openContainer } from '../containers/actions.ts'

interface TabProps {
  readonly image: ImageDetail
}

/** What a container of the image will be unless it is told otherwise. */
export function ConfigTab({ image }: TabProps) {
  const { t } = useTranslation()
  return (
    <>
      <Facts
        title={t('image')}
        facts={[
          [t('platform'), `${image.os}/${image.architecture}`],
          [t('created'), Date.parse(image.createdAt) > 0 ? <Elapsed key="created" since={image.createdAt} /> : ''],
          [t('size'), formatBytes(image.sizeBytes)],
          [t('images.shared'), formatBytes(image.sharedBytes)],
        ]}
      />
      <Facts
        title={t('process')}
        facts={[
          ['Entrypoint', mono(image.entrypoint.join(' '))],
          [t('command'), mono(image.command.join(' '))],
          [t('user'), image.user],
          [t('workingDir'), mono(image.workingDir)],
          [t('images.stopSignal'), mono(image.stopSignal)],
          [t('ports'), mono(image.exposedPorts.join(', '))],
          [t('volumes'), mono(image.volumes.join(', '))],
        ]}
      />
      <Facts
        title={t('environment')}
        facts={image.env.map((entry) => {
          const cut = entry.indexOf('=')
          return [entry.slice(0, cut), mono(entry.slice(cut + 1))]
        })}
      />
      <Facts
        title={t('networks.labels')}
        facts={Object.entries(image.labels).map(([name, value]) => [name, mono(value)])}
      />
    </>
  )
}

/** The containers that were made from an image, each a way to it. */
export function UsedBy({ ids }: { readonly ids: readonly string[] }) {
  const { data: containers = [] } = useQuery(containerList)
  const users = containers.filter(({ id }) => ids.includes(id))
  if (users.length === 0) return null
  return users.map(({ id, name }) => (
    <button key={id} type="button" className="link" style={{ marginRight: 8 }} onClick={() => openContainer(id)}>
      {name}
    </button>
  ))
}

/** The steps that made the image, the first one first; those that brought a layer with its size. */
export function HistoryTab({ image }: TabProps) {
  const { t } = useTranslation()
  if (image.history.length === 0) return <p className="quiet">{t('images.noHistory')}</p>
  let layer = 0
  return (
    <ol className="history">
      {image.history.map(({ createdAt, createdBy, comment, emptyLayer }, index) => {
        const bytes = emptyLayer ? null : image.layers[layer++]?.sizeBytes
        return (
          // biome-ignore lint/suspicious/noArrayIndexKey: steps have no name, and their order is what they are
          <li key={index} className="history-step" data-testid="history-step">
            <span className="quiet num">{index + 1}</span>
            <div>
              <div className={emptyLayer ? 'mono quiet' : 'mono'}>{createdBy || '–'}</div>
              {comment && <div className="quiet">{comment}</div>}
              {Date.parse(createdAt) > 0 && (
                <div className="quiet history-when">
                  <Elapsed since={createdAt} />
                </div>
              )}
            </div>
            <span className="num">{bytes === null || bytes === undefined ? '–' : formatBytes(bytes)}</span>
          </li>
        )
      })}
    </ol>
  )
}

/** Every name of the image, each to be pushed or taken away, and the digests that it is known by. */
export function NamesTab({ image }: TabProps) {
  const { t } = useTranslation()
  const { references, repoDigests } = image
  return (
    <>
      <div className="facts-head">
        <h2 className="facts-title">{t('names')}</h2>
        <Button
          variant="default"
          size="compact-xs"
          leftSection={<IconTag size={12} />}
          data-testid="names-add"
          onClick={() => useDialog.getState().show({ type: 'tag', id: image.id, name: references[0] ?? image.id })}
        >
          {t('pull.tag')}
        </Button>
      </div>
      {references.length === 0 && <p className="quiet">{t('images.nameless')}</p>}
      {references.map((name) => (
        <div key={name} className="name-row" data-testid="name-row" data-name={name}>
          <CopyLine text={name} />
          <IconButton
            label={`${t('pull.push')}: ${name}`}
            Icon={IconCloudUpload}
            onClick={() => void pushImage(name)}
          />
          <IconButton
            label={`${t('images.untag')}: ${name}`}
            Icon={IconTrash}
            testId="name-remove"
            isDisabled={references.length < 2}
            onClick={() =>
              void api.image.remove({ id: name }).catch((error: unknown) => reportFailure(t('images.untag'), error))
            }
          />
        </div>
      ))}
      <Digests title={t('images.config')} digests={[image.id]} />
      <Digests title={t('images.manifest')} digests={image.manifestDigest ? [image.manifestDigest] : []} />
      <Digests title={t('images.inRegistries')} digests={repoDigests} none={t('images.noRegistry')} />
      <Digests title={t('layers')} digests={image.layers.map(({ digest }) => digest)} />
    </>
  )
}

function Digests({
  title,
  digests,
  none,
}: {
  readonly title: string
  readonly digests: readonly string[]
  readonly none?: string
}) {
  if (digests.length === 0 && !none) return null
  return (
    <>
      <h2 className="facts-title">{title}</h2>
      {digests.length === 0 && <p className="quiet">{none}</p>}
      {[...new Set(digests)].map((digest) => (
        <div key={digest} className="digest" data-testid="digest">
          <CopyLine text={digest} />
        </div>
      ))}
    </>
  )
}
