import type { JSX } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { here, setQuery } from './location.ts'

/** After the last key, ms. */
const DEBOUNCE_MS = 250
/** As the API takes it. */
const MAX_SEARCH = 200

export interface SearchFieldProps {
  /** Of the query in the URL. Default `q`. */
  readonly name?: string
  /** What it searches in, for those who do not see what is around it. */
  readonly label: string
  readonly hint?: string
}

/**
 * Words to search for, kept in the URL. The first key of a search is one step back, all others none. What is being
 * typed stays, however often the page is drawn.
 */
export function SearchField({ name = 'q', label, hint }: SearchFieldProps): JSX.Element {
  const q = here.value.query.get(name) ?? ''
  const [draft, setDraft] = useState(q)
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined)
  const sent = useRef(q)
  useEffect(() => {
    // The URL was changed by another way, as by a step back.
    if (q !== sent.current) {
      clearTimeout(timer.current)
      sent.current = q
      setDraft(q)
    }
  }, [q])
  useEffect(() => () => clearTimeout(timer.current), [])
  const send = (text: string): void => {
    clearTimeout(timer.current)
    const words = text.trim()
    if (words === sent.current) return
    const push = sent.current === '' || words === ''
    sent.current = words
    setQuery({ [name]: words, cursor: undefined }, { push })
  }
  const type = (text: string): void => {
    setDraft(text)
    clearTimeout(timer.current)
    timer.current = setTimeout(() => send(text), DEBOUNCE_MS)
  }
  return (
    <input
      type="search"
      class="search"
      placeholder={hint}
      aria-label={label}
      spellcheck={false}
      maxLength={MAX_SEARCH}
      value={draft}
      onInput={(event) => type(event.currentTarget.value)}
      onKeyDown={(event) => {
        if (event.key === 'Enter') send(event.currentTarget.value)
        if (event.key === 'Escape' && event.currentTarget.value === '') event.currentTarget.blur()
      }}
    />
  )
}
