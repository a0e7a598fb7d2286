import { useEffect, useRef } from 'preact/hooks'
import { type Signal, signal } from '../api/signal.ts'

/** What keys do on a page, for the list at `?`. */
export interface Binding {
  /** As `j`, `/`, `Enter`, or two in a row: `g w`. */
  readonly keys: string
  readonly does: string
  readonly run: () => void
}

/** All that are in force, the newest last. */
export const bindings: Signal<readonly Binding[]> = signal([])

/** The second key of two must come within this time, ms. */
const PAIR_MS = 1500
let first: { readonly key: string; readonly at: number } | undefined

/** Keys of a component, as long as it is shown. The list may be another one at each call, with the same keys. */
export function useKeys(list: readonly Binding[]): void {
  const latest = useRef(list)
  latest.current = list
  const names = list.map(({ keys }) => keys).join()
  useEffect(() => {
    const own = list.map(({ keys, does }, index) => ({ keys, does, run: () => latest.current[index]?.run() }))
    bindings.value = [...bindings.value, ...own]
    return () => {
      bindings.value = bindings.value.filter((one) => !own.includes(one))
    }
  }, [names])
}

/** The field that `/` goes to; null on a page without one. */
export function searchField(): HTMLElement | null {
  return document.querySelector('main [type=search]')
}

document.addEventListener('keydown', (event) => {
  const { key } = event
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return
  if (document.querySelector('dialog[open]')) return
  if (key === 'Escape' && event.target === searchField()) {
    // Else the browser empties it.
    event.preventDefault()
    document.getElementById('main')?.focus({ preventScroll: true })
  }
  if (isTyping(event.target)) return
  if ((key === 'Enter' || key === ' ') && isPressed(event.target)) return
  const pair = first && performance.now() - first.at < PAIR_MS ? `${first.key} ${key}` : undefined
  const found = find(pair) ?? find(key)
  first = found ? undefined : { key, at: performance.now() }
  if (!found) return
  event.preventDefault()
  found.run()
})

function find(keys: string | undefined): Binding | undefined {
  return keys === undefined ? undefined : bindings.value.findLast((one) => one.keys === keys)
}

/** Text goes where the user types it. */
function isTyping(target: EventTarget | null): boolean {
  const typed = 'input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]'
  return target instanceof HTMLElement && target.closest(typed) !== null
}

/** Enter and Space belong to what has the focus. */
function isPressed(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.closest('a, button, summary, input') !== null
}
