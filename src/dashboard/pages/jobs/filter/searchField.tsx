import type { JSX } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { here, setQuery } from '../../../app/location.ts'

/** After the last key, ms. */
const DEBOUNCE_MS = 250
/** As the API takes it. */
const MAX_SEARCH = 200

/** Full text; what is searched is in the URL. The first key of a search is one step back, all others none. */
export function SearchField(): JSX.Element {
  const q = here.value.query.get('q') ?? ''
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
    setQuery({ q: words }, { push })
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
      placeholder="Search id, task, tag, arguments or error"
      aria-label="Search jobs"
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
