import { Button, Group } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import { Status } from '../../components/status.tsx'
import { openContainer } from '../containers/actions.ts'
import type { ProjectNode } from './graph.ts'
import { projectActs } from './project-acts.ts'

/** The containers of a Compose project, and what can be done to all of them. */
export function AboutProject({ node }: { readonly node: ProjectNode }) {
  const { t } = useTranslation()
  return (
    <>
      <Group gap="xs" mb="md">
        {projectActs(node).map(({ key, label, isDisabled, run }) => (
          <Button
            key={key}
            {...(key === 'remove' ? { color: 'red', variant: 'light' } : { variant: 'default' })}
            disabled={isDisabled}
            data-testid={`project-${key}`}
            onClick={run}
          >
            {label}
          </Button>
        ))}
      </Group>
      <h2 className="facts-title">{t('page.containers')}</h2>
      {node.containers.map((container) => (
        <div key={container.id} className="field-row">
          <button type="button" className="link strong" style={{ flex: 1 }} onClick={() => openContainer(container.id)}>
            {container.name}
          </button>
          <Status container={container} />
        </div>
      ))}
    </>
  )
}
