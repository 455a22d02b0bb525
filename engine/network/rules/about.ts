import type { RuleGroup } from '../../contract/network.ts'
import type { Chain, Json, RuleTree } from './parse.ts'

/**
 * The rules that name one of the words (an interface, an address, a subnet), the elements of sets and maps that do, and the
 * rules that look into those sets.
 */
export function rulesAbout({ chains, elements }: RuleTree, words: readonly string[]): RuleGroup[] {
  const wanted = new Set(words.filter(Boolean))
  const sets = [...elements].flatMap(([key, all]): RuleGroup[] => {
    const lines = all.map(formatElement).filter((line) => line.split(/ [.:] /).some((part) => wanted.has(part)))
    const { table, name } = placeOf(key)
    return lines.length > 0 ? [{ table, kind: 'set', name, hook: '', lines }] : []
  })
  const found = [...chains].flatMap(([key, chain]): RuleGroup[] => {
    const { table, name } = placeOf(key)
    const own = new Set(sets.filter((set) => set.table === table).map((set) => `@${set.name}`))
    const lines = chain.rules
      .map(({ text }) => text)
      .filter((text) => tokensOf(text).some((one) => wanted.has(one) || own.has(one)))
    return lines.length > 0 ? [{ table, kind: 'chain', name, hook: describeHook(chain), lines }] : []
  })
  return [...sets, ...found]
}

/** All rules of a namespace, chain by chain. */
export const allRules = ({ chains }: RuleTree): RuleGroup[] =>
  [...chains].flatMap(([key, chain]) => {
    const { table, name } = placeOf(key)
    const lines = chain.rules.map(({ text }) => text)
    return lines.length > 0 ? [{ table, kind: 'chain' as const, name, hook: describeHook(chain), lines }] : []
  })

function placeOf(key: string): { table: string; name: string } {
  const end = key.lastIndexOf(' ')
  return { table: key.slice(0, end), name: key.slice(end + 1) }
}

const describeHook = ({ type, hook, priority, policy }: Chain): string =>
  hook && `${type} hook ${hook} priority ${priority}; policy ${policy}`

const tokensOf = (text: string): readonly string[] => text.match(/[^\s"{},;]+/g) ?? []

/** An element as nft prints it, without what it counts. */
function formatElement(element: Json): string {
  if (Array.isArray(element)) return element.map(formatElement).join(' : ')
  if (typeof element !== 'object' || element === null) return String(element)
  const { concat, prefix, range, elem } = element as Record<string, Json>
  if (Array.isArray(concat)) return concat.map(formatElement).join(' . ')
  if (prefix) return `${(prefix as Record<string, Json>)['addr']}/${(prefix as Record<string, Json>)['len']}`
  if (Array.isArray(range)) return range.map(formatElement).join('-')
  if (elem) return formatElement((elem as Record<string, Json>)['val'] ?? '')
  return JSON.stringify(element)
}
