import type { JSX } from 'preact'
import { here, setQuery } from '../../app/location.ts'
import { SearchField } from '../../app/searchField.tsx'
import { Button } from '../../parts/ask/button.tsx'
import { isoOf, localOf } from '../../parts/text/localTime.ts'
import { FILTERS, type FilterName } from './deadFilter.ts'
import { REASONS } from './reasons.ts'

const TEXTS: readonly (readonly [FilterName, string])[] = [
  ['queue', 'Queue'],
  ['task', 'Task'],
  ['error', 'Error contains'],
  ['owner', 'Owner'],
  ['tag', 'Tag'],
]

/** Which dead letters are shown; kept in the URL. */
export function Filters(): JSX.Element {
  const { query } = here.value
  const isFiltered = FILTERS.some((name) => query.has(name))
  return (
    <search class="filter-row">
      <div class="field grow">
        <span aria-hidden="true">Search</span>
        <SearchField label="Search" hint="Words in id, task, tags or error" />
      </div>
      <label class="field">
        <span>Reason</span>
        <select value={query.get('reason') ?? ''} onChange={(event) => choose('reason', event.currentTarget.value)}>
          <option value="">Any</option>
          {Object.entries(REASONS).map(([reason, [title]]) => (
            <option key={reason} value={reason}>
              {title}
            </option>
          ))}
        </select>
      </label>
      {TEXTS.map(([name, label]) => (
        <label key={name} class="field">
          <span>{label}</span>
          <input
            value={query.get(name) ?? ''}
            spellcheck={false}
            onChange={(event) => choose(name, event.currentTarget.value)}
          />
        </label>
      ))}
      <label class="field grow">
        <span>Died since</span>
        <input
          type="datetime-local"
          value={localOf(query.get('since'))}
          onChange={(event) => choose('since', isoOf(event.currentTarget.value))}
        />
      </label>
      {isFiltered && (
        <Button onPress={() => setQuery(Object.fromEntries([...FILTERS, 'cursor'].map((name) => [name, undefined])))}>
          Clear
        </Button>
      )}
    </search>
  )
}

/** Another filter begins at the first page. */
function choose(name: FilterName, value: string): void {
  setQuery({ [name]: value.trim(), cursor: undefined })
}
