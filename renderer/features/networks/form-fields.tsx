import { Checkbox, SimpleGrid, TextInput } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import type { networks } from '../../i18n/en/networks.ts'
import type { NetworkFields, TextField } from './request.ts'

/** The create dialog's fields with what is wrong with them. */
export interface Form {
  readonly fields: NetworkFields
  readonly set: (part: Partial<NetworkFields>) => void
  readonly errorOf: (field: TextField) => string | undefined
}
/** Inputs side by side stay in line when the help of one is longer. */
export const HELP_BELOW: ('label' | 'input' | 'description' | 'error')[] = ['label', 'input', 'error', 'description']
export type HelpKey = keyof typeof networks.networks.help

/** Subnets, gateways and ranges, of IPv6 too where that is wanted. */
export function Addresses({ form }: { readonly form: Form }) {
  const { t } = useTranslation()
  const chosen = t('networks.chosen')
  return (
    <>
      <SimpleGrid cols={3}>
        <Text form={form} field="subnet" label={t('subnet')} hint={chosen} help="subnet" />
        <Text form={form} field="gateway" label={t('gateway')} hint={chosen} help="gateway" />
        <Text
          form={form}
          field="ipRange"
          label={t('networks.ipRange')}
          hint={t('networks.wholeSubnet')}
          help="ipRange"
        />
      </SimpleGrid>
      <Check form={form} field="enableIPv6" label={t('networks.enableIPv6')} help="enableIPv6" />
      {form.fields.enableIPv6 && (
        <SimpleGrid cols={3}>
          <Text form={form} field="subnet6" label={t('networks.subnet6')} hint={chosen} />
          <Text form={form} field="gateway6" label={t('networks.gateway6')} hint={chosen} />
          <Text form={form} field="ipRange6" label={t('networks.ipRange6')} hint={t('networks.wholeSubnet')} />
        </SimpleGrid>
      )}
    </>
  )
}

interface TextProps {
  readonly form: Form
  readonly field: TextField
  readonly label: string
  readonly hint?: string
  readonly help?: HelpKey
  readonly isFirst?: boolean
}

/** A line of text, with what it is for and what is wrong with it. */
export function Text({ form, field, label, hint = '', help, isFirst = false }: TextProps) {
  const { t } = useTranslation()
  return (
    <TextInput
      label={label}
      placeholder={hint}
      value={form.fields[field]}
      error={form.errorOf(field)}
      {...(help ? { description: t(`networks.help.${help}`), inputWrapperOrder: HELP_BELOW } : {})}
      data-testid={`network-${field}`}
      {...(isFirst ? { 'data-autofocus': true } : {})}
      onChange={(event) => form.set({ [field]: event.currentTarget.value })}
    />
  )
}

interface CheckProps {
  readonly form: Form
  readonly field: 'isInternal' | 'enableIPv6' | 'isOpenWithin' | 'isMasquerading' | 'hasNoIpv4' | 'isEncrypted'
  readonly label: string
  readonly help: HelpKey
}

/** Something that is so or not, with what that means. */
export function Check({ form, field, label, help }: CheckProps) {
  const { t } = useTranslation()
  return (
    <Checkbox
      label={label}
      description={t(`networks.help.${help}`)}
      checked={form.fields[field]}
      data-testid={`network-${field}`}
      onChange={(event) => form.set({ [field]: event.currentTarget.checked })}
    />
  )
}
