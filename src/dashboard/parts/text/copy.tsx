import type { JSX } from 'preact'
import { Button } from '../ask/button.tsx'
import { Icon } from '../icon.tsx'
import { notify } from '../toasts.tsx'

/** Copies a text, and says so. */
export async function copy(text: string, what = ''): Promise<void> {
  await navigator.clipboard.writeText(text)
  notify(`Copied ${what}`.trim())
}

/** A button that copies a text, or what a function makes when it is pressed. */
export function Copy({ text, label }: { text: string | (() => string); label: string }): JSX.Element {
  return (
    <Button kind="icon" label={label} onPress={() => copy(typeof text === 'string' ? text : text())}>
      <Icon name="copy" />
    </Button>
  )
}
