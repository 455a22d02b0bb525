import { IconLink } from '@tabler/icons-react'

/** Says that a dialog was filled in from outside and that nothing happens by itself. */
export function LinkNote({ text }: { readonly text: string }) {
  return (
    <p className="link-note" data-testid="link-note">
      <IconLink size={16} aria-hidden />
      {text}
    </p>
  )
}
