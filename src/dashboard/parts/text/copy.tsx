import type { JSX } from 'preact'
import { Button } from '../ask/button.tsx'
import { Icon } from '../icon.tsx'
import { notify } from '../toasts.tsx'

/** A button that copies a text. */
export function Copy({ text, label }: { text: string; label: string }): JSX.Element {
  return (
    <Button
      kind="icon"
      label={label}
      onPress={async () => {
        await navigator.clipboard.writeText(text)
        notify('Copied')
      }}
    >
      <Icon name="copy" />
    </Button>
  )
}
