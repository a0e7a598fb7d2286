import type { JSX } from 'preact'
import { setQuery } from '../../../app/location.ts'
import { Icon } from '../../../parts/icon.tsx'
import { Outside } from '../../../parts/text/outside.tsx'
import { CHIPS, type ChipName, CLEARED, countOf, type JobsFilter } from './jobsFilter.ts'

const TITLES: Readonly<Record<ChipName, string>> = {
  owner: 'Owner',
  tag: 'Tag',
  root: 'Workflow',
  fingerprint: 'Failures like',
}

/** What a link from another page has chosen; and the way back to all jobs. */
export function Chips({ filter }: { filter: JobsFilter }): JSX.Element | null {
  if (countOf(filter) === 0 && filter.q === '') return null
  return (
    <div class="row chips">
      {CHIPS.map((name) => {
        const value = filter.chips[name]
        if (value === undefined) return null
        return (
          <span key={name} class="chip">
            {TITLES[name]} <Outside text={value} length={60} />
            <button
              type="button"
              class="button icon"
              aria-label={`Remove the filter: ${TITLES[name].toLowerCase()}`}
              onClick={() => setQuery({ [name]: undefined }, { push: true })}
            >
              <Icon name="close" />
            </button>
          </span>
        )
      })}
      <button type="button" class="link" onClick={clearFilter}>
        Clear all filters
      </button>
    </div>
  )
}

export function clearFilter(): void {
  setQuery(CLEARED, { push: true })
}
