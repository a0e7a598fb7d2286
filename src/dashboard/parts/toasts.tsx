import type { JSX } from 'preact'
import { type Signal, signal, useValue } from '../api/signal.ts'
import { Icon } from './icon.tsx'

interface Toast {
  readonly number: number
  readonly text: string
  readonly kind: 'done' | 'problem'
}

const toasts: Signal<readonly Toast[]> = signal([])
let count = 0
/** What went well goes by itself after this time, ms; a problem stays until the user has closed it. */
const SHOWN_MS = 5000
/** The oldest one goes where there are more. */
const MAX_TOASTS = 5

/** Say what a button did, or why it could not. */
export function notify(text: string, kind: Toast['kind'] = 'done'): void {
  const toast = { number: count++, text, kind }
  toasts.value = [...toasts.value, toast].slice(-MAX_TOASTS)
  if (kind === 'done') setTimeout(() => close(toast), SHOWN_MS)
}

function close(toast: Toast): void {
  toasts.value = toasts.value.filter((one) => one !== toast)
}

export function Toasts(): JSX.Element {
  return (
    <div class="toasts" role="status">
      {useValue(toasts).map((toast) => (
        <div key={toast.number} class={`toast ${toast.kind}`}>
          <Icon name={toast.kind === 'done' ? 'done' : 'alert'} />
          <p>{toast.text}</p>
          <button type="button" class="button icon" aria-label="Close" onClick={() => close(toast)}>
            <Icon name="close" />
          </button>
        </div>
      ))}
    </div>
  )
}
