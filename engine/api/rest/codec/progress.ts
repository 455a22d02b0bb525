import { EngineError } from '../../../contract/errors.ts'
import type { ImportProgress, PullProgress, PushProgress } from '../../../contract/image.ts'
import type { UrlImportProgress } from '../../../service/image/import-url.ts'

/** One line of Docker's progress (`jsonmessage`): a status about one layer, a status alone, or an error. */
export interface ProgressLine {
  readonly status?: string
  readonly id?: string
  readonly progressDetail?: { readonly current?: number; readonly total?: number }
  readonly progress?: string
  readonly aux?: unknown
  readonly error?: string
  readonly errorDetail?: { readonly message: string }
}

const PULL_STATUS = {
  waiting: 'Pulling fs layer',
  downloading: 'Downloading',
  unpacking: 'Extracting',
  done: 'Pull complete',
  exists: 'Already exists',
} as const
const PUSH_STATUS = {
  waiting: 'Preparing',
  uploading: 'Pushing',
  uploaded: 'Pushed',
  mounted: 'Mounted from another repository',
  exists: 'Layer already exists',
} as const

type Layer = Extract<PullProgress, { type: 'layer' }> | Extract<PushProgress, { type: 'layer' }>

/** A step of a pull in Docker's words; `name` is what was asked for, as people write it. */
export function toPullLine(step: PullProgress, name: string): ProgressLine | null {
  switch (step.type) {
    case 'stage':
      return null
    case 'layer':
      return layerLine(PULL_STATUS[step.state], step)
    case 'image':
      return {
        status: step.isNew ? `Status: Downloaded newer image for ${name}` : `Status: Image is up to date for ${name}`,
      }
  }
}

/** A step of a push in Docker's words. */
export function toPushLine(step: PushProgress): ProgressLine {
  if (step.type === 'layer') return layerLine(PUSH_STATUS[step.state], step)
  return { status: `${step.tag}: digest: ${step.digest} size: ${step.sizeBytes}` }
}

/** A step of a load: the layers that are new here, and each image by its name or id; with `isQuiet` the images alone. */
export function toLoadLine(step: ImportProgress, isQuiet: boolean): (ProgressLine & { stream?: string }) | null {
  switch (step.type) {
    case 'stage':
      return null
    case 'layer': {
      const { layer, state, currentBytes: current, totalBytes: total } = step
      // Whether it is here already is not known before its first byte is unpacked.
      const isNew = state === 'done' || (state === 'unpacking' && current > 0)
      return isNew && !isQuiet ? { status: 'Loading layer', id: layer, progressDetail: { current, total } } : null
    }
    case 'image': {
      const [name] = step.references
      return { stream: name ? `Loaded image: ${name}\n` : `Loaded image ID: ${step.id}\n` }
    }
  }
}

/** A step of an import from a web server. */
export function toImportLine(step: UrlImportProgress): ProgressLine {
  if (step.type === 'done') return { status: step.id }
  const { currentBytes: current, totalBytes } = step
  return { status: 'Importing', progressDetail: { current, ...(totalBytes > 0 ? { total: totalBytes } : {}) } }
}

function layerLine(status: string, { state, layer, currentBytes, totalBytes }: Layer): ProgressLine {
  const isMoving = state === 'downloading' || state === 'unpacking' || state === 'uploading'
  return { status, id: layer, progressDetail: isMoving ? { current: currentBytes, total: totalBytes } : {} }
}

/** An error as the last line: the headers are gone by then. */
export function toErrorLine(cause: unknown): ProgressLine {
  const { message } = EngineError.from(cause)
  return { errorDetail: { message }, error: message }
}

/**
 * Lets through the first and the last of many steps of one layer in one state, and one every 100 ms between: a terminal
 * cannot show more.
 */
export function createThrottle(now: () => number): (layer: string, state: string) => boolean {
  const last = new Map<string, { readonly state: string; readonly at: number }>()
  return (layer, state) => {
    const before = last.get(layer)
    if (before?.state === state && now() - before.at < 100) return false
    last.set(layer, { state, at: now() })
    return true
  }
}
