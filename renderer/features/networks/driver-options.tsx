import { Select, SimpleGrid } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import { Check, type Form, HELP_BELOW, Text } from './form-fields.tsx'
import { GATEWAY_MODES, type GatewayMode, MODES } from './request.ts'

/** Every option of the chosen driver. */
export function DriverOptions({ form }: { readonly form: Form }) {
  const { t } = useTranslation()
  const { driver } = form.fields
  return (
    <>
      <SimpleGrid cols={3}>
        <Text form={form} field="mtu" label="MTU" hint="1500" help={driver === 'overlay' ? 'mtuOverlay' : 'mtu'} />
        {driver === 'bridge' && <BridgeNames form={form} />}
        {(driver === 'macvlan' || driver === 'ipvlan') && <Child form={form} driver={driver} />}
        {driver === 'overlay' && (
          <Text form={form} field="vni" label={t('networks.vni')} hint={t('networks.chosen')} help="vni" />
        )}
      </SimpleGrid>
      {driver === 'bridge' && <Outward form={form} />}
      <SimpleGrid cols={2}>
        <Check form={form} field="isInternal" label={t('networks.isInternal')} help="isInternal" />
        {driver === 'overlay' && (
          <Check form={form} field="isEncrypted" label={t('networks.isEncrypted')} help="isEncrypted" />
        )}
        {driver === 'bridge' && (
          <>
            <Check form={form} field="isOpenWithin" label={t('networks.isOpenWithin')} help="isOpenWithin" />
            <Check form={form} field="isMasquerading" label={t('networks.isMasquerading')} help="isMasquerading" />
            <Check form={form} field="hasNoIpv4" label={t('networks.hasNoIpv4')} help="hasNoIpv4" />
          </>
        )}
      </SimpleGrid>
    </>
  )
}

function BridgeNames({ form }: { readonly form: Form }) {
  const { t } = useTranslation()
  return (
    <>
      <Text
        form={form}
        field="bridgeName"
        label={t('networks.bridgeName')}
        hint={t('networks.fromId')}
        help="bridgeName"
      />
      <Text
        form={form}
        field="interfacePrefix"
        label={t('networks.interfacePrefix')}
        hint="eth"
        help="interfacePrefix"
      />
    </>
  )
}

function Child({ form, driver }: { readonly form: Form; readonly driver: 'macvlan' | 'ipvlan' }) {
  const { t } = useTranslation()
  const mode = form.fields.mode || (MODES[driver][0] ?? '')
  return (
    <>
      <Text form={form} field="parent" label={t('networks.parent')} hint={t('networks.noParent')} help="parent" />
      <Select
        label={t('networks.mode')}
        description={t(`networks.modeHelp.${mode as 'l2'}`)}
        inputWrapperOrder={HELP_BELOW}
        data={[...MODES[driver]]}
        value={mode || null}
        error={form.errorOf('mode')}
        allowDeselect={false}
        data-testid="network-mode"
        onChange={(value) => form.set({ mode: value ?? '' })}
      />
    </>
  )
}

/** How a bridge's containers meet the outside, in each version of IP. */
function Outward({ form }: { readonly form: Form }) {
  const { t } = useTranslation()
  const { enableIPv6 } = form.fields
  const mode = (field: 'gatewayMode' | 'gatewayMode6', label: string) => (
    <Select
      label={label}
      description={t(`networks.gatewayHelp.${form.fields[field]}`)}
      inputWrapperOrder={HELP_BELOW}
      data={GATEWAY_MODES.map((value) => ({ value, label: t(`networks.gatewayModes.${value}`) }))}
      value={form.fields[field]}
      error={form.errorOf(field)}
      allowDeselect={false}
      data-testid={`network-${field}`}
      onChange={(value) => form.set({ [field]: (value ?? 'nat') as GatewayMode })}
    />
  )
  return (
    <SimpleGrid cols={2}>
      {mode('gatewayMode', t('networks.gatewayMode'))}
      <Text form={form} field="hostBinding" label={t('networks.hostBinding')} hint="0.0.0.0" help="hostBinding" />
      {enableIPv6 && mode('gatewayMode6', t('networks.gatewayMode6'))}
      {enableIPv6 && (
        <Text form={form} field="hostBinding6" label={t('networks.hostBinding6')} hint="::" help="hostBinding6" />
      )}
    </SimpleGrid>
  )
}
