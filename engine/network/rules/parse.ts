import type { RulesText } from '../../host/inspection.ts'

/** An expression or statement as nft(8) prints it in JSON; what we do not know is left alone. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json }

export interface Rule {
  readonly handle: number
  readonly statements: readonly Json[]
  /** As people write it. */
  readonly text: string
}
export interface Chain {
  readonly family: string
  readonly table: string
  readonly name: string
  /** `''` for a chain that others jump to, as is its type. */
  readonly hook: string
  readonly type: string
  readonly priority: number
  readonly policy: string
  readonly rules: readonly Rule[]
}
/** All rules of a namespace. Keys are `family table name`. */
export interface RuleTree {
  readonly chains: ReadonlyMap<string, Chain>
  /** Elements of sets and maps; of a map each is a pair. */
  readonly elements: ReadonlyMap<string, readonly Json[]>
}

interface Entry {
  readonly family: string
  readonly table: string
  readonly name: string
}
interface ChainEntry extends Entry {
  readonly hook?: string
  readonly type?: string
  readonly prio?: number
  readonly policy?: string
}
interface RuleEntry {
  readonly family: string
  readonly table: string
  readonly chain: string
  readonly handle: number
  readonly expr: readonly Json[]
}
type Item = {
  readonly chain?: ChainEntry
  readonly rule?: RuleEntry
  readonly set?: Entry & { readonly elem?: readonly Json[] }
  readonly map?: Entry & { readonly elem?: readonly Json[] }
}

/** Reads what `nft --json list ruleset` and `nft --handle list ruleset` print; `null` when that was cut off. */
export function parseRules({ json, text }: RulesText): RuleTree | null {
  const items = parseItems(json)
  if (!items) return null
  const texts = parseTexts(text)
  const rules = new Map<string, Rule[]>()
  for (const { rule } of items) {
    if (!rule) continue
    const { family, table, chain, handle, expr } = rule
    const key = `${family} ${table} ${chain}`
    const written = texts.get(`${key} ${handle}`) ?? JSON.stringify(expr)
    const own = rules.get(key) ?? []
    own.push({ handle, statements: expr, text: written })
    rules.set(key, own)
  }
  const chains = new Map<string, Chain>()
  const elements = new Map<string, readonly Json[]>()
  for (const { chain, set, map } of items) {
    const list = set ?? map
    if (list) elements.set(keyOf(list), list.elem ?? [])
    if (!chain) continue
    const { family, table, name, hook = '', type = '', prio = 0, policy = 'accept' } = chain
    const key = keyOf(chain)
    chains.set(key, { family, table, name, hook, type, priority: prio, policy, rules: rules.get(key) ?? [] })
  }
  return { chains, elements }
}

function parseItems(json: string): readonly Item[] | null {
  if (json === '') return []
  try {
    return (JSON.parse(json) as { nftables: readonly Item[] }).nftables
  } catch {
    return null
  }
}

const keyOf = ({ family, table, name }: Entry) => `${family} ${table} ${name}`

/** Rules as they are written, by `family table chain handle`. */
function parseTexts(text: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  let table = ''
  let chain = ''
  for (const line of text.split('\n')) {
    const [, body = '', handle = ''] = /^(.*?)\s+# handle (\d+)$/.exec(line) ?? []
    if (!handle) continue
    if (body.startsWith('table ')) table = body.slice('table '.length, -' {'.length)
    else if (body.startsWith('\tchain ')) chain = body.slice('\tchain '.length, -' {'.length)
    else if (body.startsWith('\t\t')) found.set(`${table} ${chain} ${handle}`, body.trim())
  }
  return found
}
