import type { JSX } from 'preact'
import { Button } from '../parts/ask/button.tsx'
import { here, setQuery } from './location.ts'

/** Leads through the pages of a list: the cursor is in the URL. `next`: of the page behind the one that is shown. */
export function CursorPages({ label, next }: { label: string; next: string | undefined }): JSX.Element | null {
  const isFirst = !here.value.query.has('cursor')
  if (isFirst && next === undefined) return null
  return (
    <nav class="row" aria-label={label}>
      {!isFirst && <Button onPress={() => setQuery({ cursor: undefined })}>First page</Button>}
      {next !== undefined && <Button onPress={() => setQuery({ cursor: next }, { push: true })}>Next page</Button>}
    </nav>
  )
}
