import type { ImageSummary, ImportProgress } from '../../../contract/image.ts'
import { hasLabels } from '../../../lib/labels.ts'
import { familiarReference, matchesReference } from '../../../lib/reference.ts'
import type { Services } from '../../../service/services.ts'
import { toHistory, toImageInspect, toImageItem } from '../codec/image.ts'
import { createThrottle, toErrorLine, toLoadLine } from '../codec/progress.ts'
import { filterFlag, isTrue, parseFilters, type RestRequest, readUntil } from '../http.ts'
import type { Route } from '../router.ts'

/** `/images/…`: what needs no registry. */
export function imageRoutes({ image }: Services): Route[] {
  const name = ({ params }: RestRequest) => params['name'] ?? ''
  return [
    {
      method: 'GET',
      path: '/images/json',
      handle: async ({ query, version }) => {
        const filters = parseFilters(query.get('filters'), [
          'reference',
          'dangling',
          'label',
          'before',
          'since',
          'until',
        ])
        const named = (await image.list()).map((one) => withWanted(one, filters.get('reference')))
        const isInTime = await readTimes(image, filters)
        return {
          status: 200,
          json: named.filter((one) => isWanted(one, filters) && isInTime(one)).map((one) => toImageItem(one, version)),
        }
      },
    },
    {
      method: 'POST',
      path: '/images/load',
      handle: ({ message, query, signal }) => ({
        status: 200,
        stream: loadLines(image.load(message, signal), isTrue(query.get('quiet'))),
      }),
    },
    {
      method: 'GET',
      path: '/images/{name...}/json',
      handle: async (request) => ({
        status: 200,
        json: toImageInspect(await image.inspect(name(request)), request.version),
      }),
    },
    {
      method: 'GET',
      path: '/images/{name...}/history',
      handle: async (request) => ({ status: 200, json: toHistory(await image.inspect(name(request))) }),
    },
    {
      method: 'POST',
      path: '/images/{name...}/tag',
      handle: async (request) => {
        const { query } = request
        await image.tag(name(request), [query.get('repo') ?? '', query.get('tag') ?? ''].filter(Boolean).join(':'))
        return { status: 201 }
      },
    },
    {
      method: 'DELETE',
      path: '/images/{name...}',
      handle: async (request) => {
        const { untagged, deleted } = await image.remove(name(request), isTrue(request.query.get('force')))
        return {
          status: 200,
          json: [
            ...untagged.map((one) => ({ Untagged: familiarReference(one) })),
            ...deleted.map((one) => ({ Deleted: one })),
          ],
        }
      },
    },
  ]
}

/** `before` and `since` name images, `until` a time. */
async function readTimes(
  image: Services['image'],
  filters: ReadonlyMap<string, readonly string[]>,
): Promise<(one: ImageSummary) => boolean> {
  const createdOf = async (ref: string) => Date.parse((await image.inspect(ref)).createdAt)
  const before = await Promise.all((filters.get('before') ?? []).map(createdOf))
  const since = await Promise.all((filters.get('since') ?? []).map(createdOf))
  const until = (filters.get('until') ?? []).map(readUntil)
  return ({ createdAt }) => {
    const created = Date.parse(createdAt)
    return [...before, ...until].every((time) => created < time) && since.every((time) => created > time)
  }
}

function isWanted(image: ImageSummary, filters: ReadonlyMap<string, readonly string[]>): boolean {
  const dangling = filterFlag(filters, 'dangling')
  const isDangling = dangling === undefined || dangling === (image.references.length === 0)
  const isNamed = !filters.has('reference') || image.references.length > 0
  return isNamed && isDangling && hasLabels(image.labels, filters.get('label') ?? [])
}

/** An image with those of its names that were asked for. */
function withWanted(image: ImageSummary, patterns: readonly string[] | undefined): ImageSummary {
  if (!patterns) return image
  const references = image.references.filter((one) => patterns.some((pattern) => matchesReference(one, pattern)))
  const repositories = new Set(references.map((one) => one.replace(/:[^/:]+$/, '')))
  const repoDigests = image.repoDigests.filter((one) => repositories.has(one.replace(/@.*$/, '')))
  return { ...image, references, repoDigests }
}

/** What `docker load` prints; an error is a line too, for the headers are gone. */
async function* loadLines(progress: AsyncIterable<ImportProgress>, isQuiet: boolean) {
  const isWanted = createThrottle(() => performance.now())
  try {
    for await (const step of progress) {
      const line = toLoadLine(step, isQuiet)
      if (line && (step.type !== 'layer' || isWanted(step.layer, step.state))) yield `${JSON.stringify(line)}\n`
    }
  } catch (error) {
    yield `${JSON.stringify(toErrorLine(error))}\n`
  }
}
