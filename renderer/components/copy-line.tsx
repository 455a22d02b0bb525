import { IconCheck, IconCopy } from '@tabler/icons-react'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { IconButton } from './icon-button.tsx'

/** A line to take along: shown as it is, copied by one press. */
export function CopyLine({ text, testId }: { readonly text: string; readonly testId?: string }) {
  const { t } = useTranslation()
  const [isCopied, setCopied] = useState(false)
  const copy = () => void navigator.clipboard.writeText(text).then(() => setCopied(true))
  return (
    <span className="copy-line">
      <code className="mono" data-testid={testId}>
        {text}
      </code>
      <IconButton
        label={isCopied ? t('copied') : `${t('topology.copy')}: ${text}`}
        Icon={isCopied ? IconCheck : IconCopy}
        onClick={copy}
      />
    </span>
  )
}
