import { readFileSync } from 'node:fs'
import { Ajv, type ErrorObject } from 'ajv'
import addFormats from 'ajv-formats'
import { parse } from 'yaml'

interface Operation {
  readonly summary?: string
  readonly responses: Readonly<Record<string, { readonly schema?: object }>>
}
const METHODS = ['get', 'head', 'post', 'put', 'delete'] as const

/** Where Docker's own engine answers otherwise than its definition says, and clients rely on it. */
const KNOWN_ANSWERS: readonly RegExp[] = [
  // Bad parameters.
  /may not answer 400$/,
  // What this machine cannot do.
  /^POST \/containers\/\{id\}\/(pause|unpause) may not answer (503|409)$/,
  // An image that is not there.
  /^GET \/images\/(\{name\}\/)?get may not answer 404$/,
  // A name that is taken is a conflict.
  /^POST \/networks\/create may not answer 409$/,
  // Null until the process has ended, and what tells "not set" from "set to nothing".
  /^GET \/exec\/\{id\}\/json: \/ExitCode must be integer/,
  /^GET \/containers\/\{id\}\/json: \/Config\/(Cmd|Entrypoint) must be array/,
]

/** Docker's definition of its API: what each call may answer. */
export interface ApiDefinition {
  /** Every call, as `GET /containers/json`, with its summary. */
  readonly operations: readonly { readonly method: string; readonly path: string; readonly summary: string }[]
  /** What is wrong with an answer; empty where it is as defined. `path` is the definition's own (`/exec/{id}/json`). */
  check(answer: {
    readonly method: string
    readonly path: string
    readonly status: number
    readonly json: unknown
  }): readonly string[]
}

/** Reads version 1.51. Its dialect is Swagger 2: `x-nullable` becomes a type of its own before a validator sees it. */
export function readApiDefinition(): ApiDefinition {
  const source = parse(readFileSync('test/fixtures/docker-engine-api-v1.51.yaml', 'utf8')) as {
    paths: Record<string, Record<string, Operation>>
    definitions: object
  }
  const { paths, definitions } = toJsonSchema(source) as typeof source
  // allErrors: one run names everything that falls short.
  const ajv = new Ajv({ strict: false, allErrors: true, allowUnionTypes: true })
  addFormats.default(ajv)
  ajv.addFormat('dateTime', (text: string) =>
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/.test(text),
  )
  for (const format of ['int64', 'uint64', 'uint32', 'uint16', 'uint8'])
    ajv.addFormat(format, { type: 'number', validate: (value: number) => format === 'int64' || value >= 0 })
  for (const format of ['ip-address', 'CIDR', 'json', 'binary']) ajv.addFormat(format, true)
  ajv.addSchema({ $id: 'docker', definitions })

  const operations = Object.entries(paths).flatMap(([path, item]) =>
    METHODS.filter((method) => method in item).map((method) => ({
      method: method.toUpperCase(),
      path,
      summary: (item[method]?.summary ?? '').replaceAll(/[\s"]+/g, ' ').trim(),
    })),
  )
  return {
    operations,
    check({ method, path, status, json }) {
      const operation = paths[path]?.[method.toLowerCase()]
      if (!operation) return [`${method} ${path} is not in the definition`]
      const response = operation.responses[String(status)]
      if (!response) return unknown([`${method} ${path} may not answer ${status}`])
      // A text, a tar or nothing at all.
      if (!response.schema || json === undefined) return []
      const validate = ajv.compile(absolute(response.schema) as object)
      return validate(json)
        ? []
        : unknown((validate.errors ?? []).map((error) => `${method} ${path}: ${explain(error)}`))
    },
  }
}

const unknown = (faults: readonly string[]) =>
  faults.filter((fault) => !KNOWN_ANSWERS.some((known) => known.test(fault)))

const explain = ({ instancePath, message, params }: ErrorObject) =>
  `${instancePath || '/'} ${message} ${JSON.stringify(params)}`

/** `x-nullable` values may be null, whatever else is said of them; a `$ref` beside it keeps its weight. */
function toJsonSchema(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(toJsonSchema)
  if (typeof value !== 'object' || value === null) return value
  const { 'x-nullable': nullable, example: _, ...rest } = value as Record<string, unknown>
  const schema = Object.fromEntries(Object.entries(rest).map(([key, one]) => [key, toJsonSchema(one)]))
  return nullable === true ? { anyOf: [{ type: 'null' }, schema] } : schema
}

/** References of a response are to the one set of definitions. */
function absolute(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(absolute)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) => [
      key,
      key === '$ref' && typeof one === 'string' ? one.replace(/^#/, 'docker#') : absolute(one),
    ]),
  )
}
