import { Button, Select } from '@mantine/core'
import { IconArrowsUpDown, IconCircleCheck, IconCircleX, IconRefresh, IconX } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import type { ReachAnswer } from '../../../engine/contract/reach.ts'
import { api } from '../../api/client.ts'
import { errorText } from '../../api/error-text.ts'
import { containerList, reachAnswer } from '../../app/queries.ts'
import { IconButton } from '../../components/icon-button.tsx'
import { reportFailure } from '../../state/activity.ts'
import { useReach } from '../../state/reach.ts'
import { act } from '../containers/actions.ts'
import { Way } from './way.tsx'
import './reach.css'

/** Can one container reach another: the answer as a path, with the reason and the next step. */
export function ReachPanel() {
  const { t } = useTranslation()
  const { from, to, close } = useReach()
  const { data: answer, error, refetch, isFetching } = useQuery(reachAnswer(from, to))
  return (
    <aside className="detail" aria-label={t('path.title')} data-testid="reach">
      <div className="detail-head">
        <h2>{t('path.title')}</h2>
        <IconButton label={t('path.again')} Icon={IconRefresh} isDisabled={!answer} onClick={() => void refetch()} />
        <IconButton label={t('close')} Icon={IconX} onClick={close} />
      </div>
      <div className="detail-body" aria-busy={isFetching}>
        <Ends />
        {error && <div className="error-note">{errorText(error)}</div>}
        {answer && !error ? <Answer answer={answer} /> : <p className="quiet">{t('path.lead')}</p>}
      </div>
    </aside>
  )
}

function Ends() {
  const { t } = useTranslation()
  const { from, to, choose, swap } = useReach()
  const { data: containers = [] } = useQuery(containerList)
  const select = (end: 'from' | 'to', value: string, other: string) => (
    <Select
      label={t(`path.${end}`)}
      placeholder={t('path.choose')}
      data={containers.filter(({ id }) => id !== other).map(({ id, name }) => ({ value: id, label: name }))}
      value={value || null}
      onChange={(id) => choose(end, id ?? '')}
      searchable
      allowDeselect={false}
      data-testid={`reach-${end}`}
    />
  )
  return (
    <div className="reach-ends">
      {select('from', from, to)}
      <IconButton label={t('path.swap')} Icon={IconArrowsUpDown} isDisabled={!from || !to} onClick={swap} />
      {select('to', to, from)}
    </div>
  )
}

function Answer({ answer }: { readonly answer: ReachAnswer }) {
  const { t } = useTranslation()
  const { from, to, canReach, ways, unread, unsure } = answer
  const names = { from: from.name, to: to.name }
  return (
    <>
      <p className="reach-verdict" data-tone={canReach ? 'good' : 'bad'} data-testid="reach-verdict">
        {canReach ? <IconCircleCheck size={18} aria-hidden /> : <IconCircleX size={18} aria-hidden />}
        {t(canReach ? 'path.yes' : 'path.no', names)}
      </p>
      <NextSteps answer={answer} />
      {ways.length === 0 && <p className="quiet">{t('path.noWay', names)}</p>}
      {ways.map((way) => (
        <Way key={`${way.kind} ${way.address} ${way.network}`} way={way} answer={answer} />
      ))}
      {unread.length > 0 && (
        <p className="quiet">
          {t('path.unread', { places: unread.map((one) => t(`path.place.${one}`, names)).join(', ') })}
        </p>
      )}
      {unsure.length > 0 && (
        <details className="reach-unsure">
          <summary>{t('path.unsure', { count: unsure.length })}</summary>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by the keyboard */}
          <pre className="commands" tabIndex={0}>
            {unsure.map(({ place, text }) => `# ${place}\n${text}`).join('\n')}
          </pre>
        </details>
      )}
    </>
  )
}

/** What would make it work: start who sleeps, join a network. */
function NextSteps({ answer: { from, to, joins } }: { readonly answer: ReachAnswer }) {
  const { t } = useTranslation()
  const { data: containers = [] } = useQuery(containerList)
  const idle = [from, to].filter(({ isRunning }) => !isRunning)
  const isApart = idle.length === 0 && joins.length > 0
  if (idle.length === 0 && !isApart) return null
  const start = (id: string) =>
    void act(
      'start',
      containers.filter((container) => container.id === id),
    )
  return (
    <div className="reach-steps">
      <h2 className="facts-title">{t('path.next')}</h2>
      {idle.map(({ id, name }) => (
        <Button key={id} variant="default" onClick={() => start(id)}>
          {t('path.start', { name })}
        </Button>
      ))}
      {isApart &&
        joins.slice(0, 4).map(({ networkId, network, containerId, container }) => (
          <Button
            key={`${networkId} ${containerId}`}
            variant="default"
            data-testid="reach-join"
            onClick={() =>
              void api.network
                .connect({ id: networkId, container: containerId, endpoint: {} })
                .catch((error: unknown) => reportFailure(t('topology.connect', { name: network }), error))
            }
          >
            {t('path.join', { container, network })}
          </Button>
        ))}
    </div>
  )
}
