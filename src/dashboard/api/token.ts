import { type Signal, signal } from './signal.ts'

const KEY = 'celeriac.token'

/** What the user has shown, in place of a cookie; of this tab alone. */
export const token: Signal<string | undefined> = signal(sessionStorage.getItem(KEY) ?? undefined)
/** The API wants another token than it got. */
export const isAsked: Signal<boolean> = signal(false)

export function tokenRefused(): void {
  isAsked.value = true
}

/** Undefined: the server knows this browser by a cookie. */
export function keepToken(value: string | undefined): void {
  if (value === undefined) sessionStorage.removeItem(KEY)
  else sessionStorage.setItem(KEY, value)
  token.value = value
  isAsked.value = false
}
