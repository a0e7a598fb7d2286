import type { JSX } from 'preact'
import { Button } from '../ask/button.tsx'
import { Icon } from '../icon.tsx'
import { notify } from '../toasts.tsx'

/** A button that copies a text, or what a function makes when it is pressed. */
export function Copy({ text, label }: { text: string | (() => string); label: string }): JSX.Element {
  return (
    <Button
      kind="icon"
      label={label}
      onPress={async () => {
        await navigator.clipboard.writeText(typeof text === 'string' ? text : text())
        notify('Copied')
      }}
    >
      <Icon name="copy" />
    </Button>
  )
}
