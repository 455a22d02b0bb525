import { UnstyledButton } from '@mantine/core'
import { IconChevronDown, IconChevronRight, IconFile, IconFolder } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { ImageDetail, LayerEntry } from '../../../engine/contract/image.ts'
import { errorText } from '../../api/error-text.ts'
import { layerFiles } from '../../app/queries.ts'
import { formatBytes } from '../../lib/format.ts'

const SIGNS = { added: '+', changed: '~', removed: '−' } as const
const TONES = { added: 'good', changed: 'warn', removed: 'bad' } as const

/** The layers of an image from the lowest up, each with its instruction and, opened, the files that it has touched. */
export function LayerList({ image }: { readonly image: ImageDetail }) {
  const { t } = useTranslation()
  const [opened, setOpened] = useState(-1)
  // An instruction that made no layer (ENV, CMD …) stands in the history alone.
  const instructions = image.history.filter(({ emptyLayer }) => !emptyLayer)
  return (
    <>
      <h2 className="facts-title">{t('layers')}</h2>
      {image.layers.map(({ diffId, sizeBytes }, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: an image may have a layer twice; its place is what it is known by
        <div key={index} className="layer-block">
          <UnstyledButton
            className="layer-row"
            aria-expanded={opened === index}
            data-testid="layer"
            onClick={() => setOpened(opened === index ? -1 : index)}
          >
            {opened === index ? <IconChevronDown size={14} /> : <IconChevronRight size={14} />}
            <span className="quiet">{index + 1}</span>
            <span className="mono layer-command" title={instructions[index]?.createdBy}>
              {instructions[index]?.createdBy || diffId.slice(7, 19)}
            </span>
            <span className="num">{formatBytes(sizeBytes)}</span>
          </UnstyledButton>
          {opened === index && <Folder id={image.id} layer={index} path="/" depth={1} />}
        </div>
      ))}
    </>
  )
}

interface FolderProps {
  readonly id: string
  readonly layer: number
  readonly path: string
  readonly depth: number
}

function Folder({ id, layer, path, depth }: FolderProps) {
  const { t } = useTranslation()
  const { data, error } = useQuery(layerFiles(id, layer, path))
  if (error) return <div className="error-note">{errorText(error)}</div>
  if (data?.entries.length === 0) return <p className="quiet layer-none">{t('layerFiles.none')}</p>
  return data?.entries.map((entry) => (
    <Entry
      key={entry.name}
      entry={entry}
      place={{ id, layer, path: `${path === '/' ? '' : path}/${entry.name}`, depth }}
    />
  ))
}

function Entry({ entry, place }: { readonly entry: LayerEntry; readonly place: FolderProps }) {
  const { t } = useTranslation()
  const [isOpen, setOpen] = useState(false)
  const { name, kind, isFolder, sizeBytes } = entry
  const canOpen = isFolder && kind !== 'removed'
  const line = (
    <>
      <span className="layer-chevron" aria-hidden>
        {canOpen && (isOpen ? <IconChevronDown size={13} /> : <IconChevronRight size={13} />)}
      </span>
      {isFolder ? <IconFolder size={14} aria-hidden /> : <IconFile size={14} aria-hidden />}
      <span className="mono layer-command">{name}</span>
      <span className="status" data-tone={TONES[kind]} title={t(`layerFiles.${kind}`)}>
        <span aria-hidden>{SIGNS[kind]}</span>
        <span className="layer-kind">{t(`layerFiles.${kind}`)}</span>
      </span>
      <span className="num">{formatBytes(sizeBytes)}</span>
    </>
  )
  const style = { paddingLeft: place.depth * 14 }
  return (
    <>
      {canOpen ? (
        <UnstyledButton
          className="layer-row"
          style={style}
          aria-expanded={isOpen}
          data-testid="layer-entry"
          data-name={name}
          onClick={() => setOpen(!isOpen)}
        >
          {line}
        </UnstyledButton>
      ) : (
        <div className="layer-row" style={style} data-testid="layer-entry" data-name={name}>
          {line}
        </div>
      )}
      {isOpen && <Folder {...place} depth={place.depth + 1} />}
    </>
  )
}
