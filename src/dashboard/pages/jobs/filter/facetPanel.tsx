import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { setQuery } from '../../../app/location.ts'
import { State } from '../../../parts/state.tsx'
import { count } from '../../../parts/text/format.ts'
import { Outside } from '../../../parts/text/outside.tsx'
import type { Facets } from '../list/sources.ts'
import { FACETS, type FacetName, type JobsFilter } from './jobsFilter.ts'

const TITLES: Readonly<Record<FacetName, string>> = { state: 'State', task: 'Task', queue: 'Queue', worker: 'Worker' }
/** Values of a facet that are shown before the user asks for all. */
const SHOWN = 6
/** The API takes so many of one facet. */
const MAX_CHOSEN = 50

/** What there is to choose from, with counts; what is chosen is in the URL. */
export function FacetPanel({ filter, facets }: { filter: JobsFilter; facets: Facets | undefined }): JSX.Element {
  return (
    <aside class="facets" aria-label="Filters">
      {FACETS.map((name) => (
        <FacetGroup key={name} name={name} chosen={filter[name]} facets={facets} />
      ))}
      {facets?.isPartial && <p class="quiet">Counts are of the newest jobs alone.</p>}
    </aside>
  )
}

interface GroupProps {
  readonly name: FacetName
  readonly chosen: readonly string[]
  readonly facets: Facets | undefined
}

function FacetGroup({ name, chosen, facets }: GroupProps): JSX.Element | null {
  const [isAll, setAll] = useState(false)
  const [search, setSearch] = useState('')
  const counts = new Map((facets?.values[name] ?? []).map(({ value, count: number }) => [value, number]))
  const values = [...new Set([...counts.keys(), ...chosen])]
  if (values.length === 0) return null
  const found = values.filter((value) => value.toLowerCase().includes(search.toLowerCase()))
  const shown = isAll ? found : values.filter((value, at) => at < SHOWN || chosen.includes(value))
  const title = TITLES[name]
  return (
    <fieldset>
      <legend>
        {title}
        {chosen.length > 0 && (
          <button type="button" class="link" onClick={() => setQuery({ [name]: undefined }, { push: true })}>
            Clear<span class="unseen"> {title.toLowerCase()}</span>
          </button>
        )}
      </legend>
      {isAll && (
        <input
          type="text"
          placeholder={`Find a ${title.toLowerCase()}`}
          aria-label={`Find a ${title.toLowerCase()}`}
          value={search}
          onInput={(event) => setSearch(event.currentTarget.value)}
        />
      )}
      <div class={isAll ? 'values all' : 'values'}>
        {shown.map((value) => (
          <Value key={value} name={name} value={value} number={counts.get(value)} chosen={chosen} facets={facets} />
        ))}
        {shown.length === 0 && <p class="quiet">None has this name.</p>}
      </div>
      {values.length > SHOWN && (
        <button type="button" class="link" aria-expanded={isAll} onClick={() => setAll(!isAll)}>
          {isAll ? 'Show fewer' : `Show all ${count(values.length)}`}
          <span class="unseen"> values of {title.toLowerCase()}</span>
        </button>
      )}
    </fieldset>
  )
}

interface ValueProps extends GroupProps {
  readonly value: string
  readonly number: number | undefined
}

function Value({ name, value, number, chosen, facets }: ValueProps): JSX.Element {
  const isChosen = chosen.includes(value)
  const barred = isChosen ? undefined : barrier(value, chosen)
  const toggle = (): void => {
    const next = isChosen ? chosen.filter((one) => one !== value) : [...chosen, value]
    setQuery({ [name]: next.join(',') }, { push: true })
  }
  return (
    <label class="value" title={barred ?? value}>
      <input type="checkbox" checked={isChosen} disabled={barred !== undefined} onChange={toggle} />
      {name === 'state' ? <State state={value} /> : <Outside text={value} />}
      <span class="count">{facets && countText(number ?? 0, facets)}</span>
    </label>
  )
}

function countText(number: number, { isPartial }: Facets): string {
  return isPartial ? `${count(number)}+` : count(number)
}

/** Why this value cannot be chosen. */
function barrier(value: string, chosen: readonly string[]): string | undefined {
  if (value.includes(',')) return 'A name with a comma cannot be chosen: commas separate names. Search for it.'
  return chosen.length >= MAX_CHOSEN ? `At most ${MAX_CHOSEN} can be chosen` : undefined
}
