import { EngineError } from '../../../contract/errors.ts'
import type { PullProgress, PushProgress } from '../../../contract/image.ts'

/*
 * Docker's progress: JSON texts with `\r\n` between them. A line with an `id` replaces the last line of that id.
 *
 *   {"status":"Downloading","progressDetail":{"current":1,"total":2},"progress":"[====>   ]  1B/2B","id":"…"}
 */

const BAR_WIDTH = 50
const UNITS = ['B', 'kB', 'MB', 'GB', 'TB']

/** One line of progress. */
export const jsonLine = (message: object): string => `${JSON.stringify(message)}\r\n`

/** Lines of a stream; a failure after the first of them is a line too, for the headers are gone. */
export async function* jsonLines(messages: AsyncIterable<object>): AsyncIterable<string> {
  try {
    for await (const message of messages) yield jsonLine(message)
  } catch (error) {
    const { message } = EngineError.from(error)
    yield jsonLine({ errorDetail: { message }, error: message })
  }
}

/** Waits for the first value, so that what fails before it is an answer with a status of its own. */
export async function startedStream<T>(source: AsyncIterable<T>): Promise<AsyncIterable<T>> {
  const iterator = source[Symbol.asyncIterator]()
  const first = await iterator.next()
  return (async function* () {
    try {
      if (!first.done) yield first.value
      for (let next = first; !next.done; ) {
        next = await iterator.next()
        if (!next.done) yield next.value
      }
    } finally {
      await iterator.return?.()
    }
  })()
}

/** What `docker pull` shows. */
export async function* pullMessages(
  progress: AsyncIterable<PullProgress>,
  { name, tag }: { readonly name: string; readonly tag: string },
): AsyncIterable<object> {
  const states = new Map<string, string>()
  for await (const step of progress) {
    if (step.type === 'stage' && step.stage === 'downloading') {
      states.clear()
      yield { status: `Pulling from ${name}`, ...(tag ? { id: tag } : {}) }
    } else if (step.type === 'layer') {
      yield* layerMessages(step, states)
    } else if (step.type === 'image') {
      yield { status: `Digest: ${step.digest}` }
      const outcome = step.isNew ? 'Downloaded newer image for' : 'Image is up to date for'
      yield { status: `Status: ${outcome} ${step.name}` }
    }
  }
}

type PullLayer = Extract<PullProgress, { type: 'layer' }>

function* layerMessages(step: PullLayer, states: Map<string, string>): Iterable<object> {
  const { layer: id, state } = step
  const before = states.get(id)
  states.set(id, state)
  const plain = (status: string) => ({ status, progressDetail: {}, id })
  if (state === 'waiting') yield plain('Pulling fs layer')
  if (state === 'exists') yield plain('Already exists')
  if (state === 'downloading') yield withBar('Downloading', step)
  if (state === 'unpacking') {
    if (before === 'downloading') {
      yield plain('Verifying Checksum')
      yield plain('Download complete')
    }
    yield withBar('Extracting', step)
  }
  if (state === 'done') yield plain('Pull complete')
}

/** What `docker push` shows. */
export async function* pushMessages(progress: AsyncIterable<PushProgress>, name: string): AsyncIterable<object> {
  yield { status: `The push refers to repository [${name}]` }
  for await (const step of progress) {
    if (step.type === 'pushed') {
      yield { status: `${step.tag}: digest: ${step.digest} size: ${step.sizeBytes}` }
      yield { progressDetail: {}, aux: { Tag: step.tag, Digest: step.digest, Size: step.sizeBytes } }
    } else if (step.state === 'uploading') {
      yield withBar('Pushing', step)
    } else {
      const words = { waiting: 'Preparing', uploaded: 'Pushed', mounted: 'Mounted', exists: 'Layer already exists' }
      yield { status: words[step.state], progressDetail: {}, id: step.layer }
    }
  }
}

interface Bytes {
  readonly layer: string
  readonly currentBytes: number
  readonly totalBytes: number
}

function withBar(status: string, { layer, currentBytes: current, totalBytes: total }: Bytes) {
  const filled = total > 0 ? Math.min(BAR_WIDTH, Math.floor((current / total) * BAR_WIDTH)) : 0
  const bar = `${'='.repeat(Math.max(0, filled - 1))}>${' '.repeat(BAR_WIDTH - Math.max(1, filled))}`
  const progress = `[${bar}]  ${toUnits(current)}/${toUnits(total)}`
  return { status, progressDetail: { current, total }, progress, id: layer }
}

/** Four digits and a unit of a thousand, as Docker writes sizes. */
function toUnits(bytes: number): string {
  const power = Math.min(UNITS.length - 1, bytes < 1 ? 0 : Math.floor(Math.log10(bytes) / 3))
  return `${Number((bytes / 1000 ** power).toPrecision(4))}${UNITS[power]}`
}
