import type { ComponentChildren, JSX } from 'preact'
import { useState } from 'preact/hooks'
import { problemLine } from '../problemText.ts'
import { notify } from '../toasts.tsx'

export interface ButtonProps {
  /** `icon`: what it shows is a picture alone, so it needs a `label`. */
  readonly kind?: 'plain' | 'primary' | 'danger' | 'icon'
  /** Its name, where its content is no text. */
  readonly label?: string
  /** Why it cannot be pressed now; it stays focusable, and says why. */
  readonly disabled?: string | undefined
  /** Pressed by Enter in its form. */
  readonly submit?: boolean
  /** What it switches is on. */
  readonly pressed?: boolean
  /** Until what it returns has ended it is busy; what it throws is shown as a message. */
  readonly onPress: () => unknown
  readonly children: ComponentChildren
}

/** A button that is pressed once at a time. */
export function Button({
  kind = 'plain',
  label,
  disabled,
  submit,
  pressed,
  onPress,
  children,
}: ButtonProps): JSX.Element {
  const [isBusy, setBusy] = useState(false)
  const press = async (event: Event): Promise<void> => {
    event.preventDefault()
    if (isBusy || disabled !== undefined) return
    setBusy(true)
    try {
      await onPress()
    } catch (error) {
      notify(problemLine(error), 'problem')
    } finally {
      setBusy(false)
    }
  }
  return (
    <button
      type={submit ? 'submit' : 'button'}
      class={`button ${kind}`}
      aria-label={label}
      title={disabled ?? (kind === 'icon' ? label : undefined)}
      // A disabled button would lose the focus.
      aria-disabled={isBusy || disabled !== undefined ? true : undefined}
      aria-busy={isBusy ? true : undefined}
      aria-pressed={pressed}
      onClick={(event) => void press(event)}
    >
      {children}
    </button>
  )
}
