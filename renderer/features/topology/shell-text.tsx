import { Button } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import type { RuleGroup } from '../../../engine/contract/network.ts'
import { errorText } from '../../api/error-text.ts'
import { liveRules } from '../../app/queries.ts'
import type { Command } from './commands.ts'

/** Lines for a shell, each under what it does. */
export function Commands({ title, commands }: { readonly title: string; readonly commands: readonly Command[] }) {
  const { t } = useTranslation()
  if (commands.length === 0) return null
  const text = commands.map(({ note, line }) => `# ${t(`topology.commands.${note}`)}\n${line}`).join('\n')
  return (
    <>
      <h2 className="facts-title">{title}</h2>
      <ShellText text={text} />
      <Button
        mt={6}
        variant="subtle"
        size="compact-xs"
        onClick={() => void navigator.clipboard.writeText(commands.map(({ line }) => line).join('\n'))}
      >
        {t('topology.copy')}
      </Button>
    </>
  )
}

/** The kernel's rules of this moment that are about a network or a container, as the keeper reads them. */
export function Rules({ of, id }: { readonly of: 'network' | 'container'; readonly id: string }) {
  const { t } = useTranslation()
  const { data, error } = useQuery(liveRules(of, id))
  if (error) return <div className="error-note">{errorText(error)}</div>
  if (!data) return null
  return (
    <>
      <RuleList title={t('topology.rules')} groups={data.atBridges} />
      <RuleList title={t('topology.rulesInside')} groups={data.inside} />
    </>
  )
}

function RuleList({ title, groups }: { readonly title: string; readonly groups: readonly RuleGroup[] | null }) {
  const { t } = useTranslation()
  if (groups?.length === 0) return null
  return (
    <>
      <h2 className="facts-title">{title}</h2>
      {groups ? (
        <ShellText text={printRules(groups)} testId="live-rules" />
      ) : (
        <p className="quiet">{t('topology.rulesUnread')}</p>
      )}
    </>
  )
}

/** As nft would print the same rules alone. */
export function printRules(groups: readonly RuleGroup[]): string {
  const tables = [...new Set(groups.map(({ table }) => table))]
  const print = ({ kind, name, hook, lines }: RuleGroup) => [
    `  ${kind} ${name} {`,
    ...(hook ? [`    type ${hook};`] : []),
    ...(kind === 'set'
      ? [`    elements = { ${lines.join(',\n                 ')} }`]
      : lines.map((line) => `    ${line}`)),
    '  }',
  ]
  return tables
    .map((table) =>
      [`table ${table} {`, ...groups.filter((group) => group.table === table).flatMap(print), '}'].join('\n'),
    )
    .join('\n')
}

function ShellText({ text, testId }: { readonly text: string; readonly testId?: string }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by the keyboard
    <pre className="commands" tabIndex={0} data-testid={testId}>
      {text}
    </pre>
  )
}
