import type { RecordedFilterOptions } from '../../../../client/fleet/recorded.ts'
import { beginOf, type PastName, pastOf } from '../../../parts/past.ts'

/** What has several values, in the URL with commas between them. */
export const FACETS = ['state', 'task', 'queue', 'worker'] as const
export type FacetName = (typeof FACETS)[number]
/** What has one value, set by a link from another page. */
export const CHIPS = ['owner', 'tag', 'root', 'fingerprint'] as const
export type ChipName = (typeof CHIPS)[number]

/** Which jobs are listed: what the query of the URL says. */
export interface JobsFilter extends Readonly<Record<FacetName, readonly string[]>> {
  readonly chips: Readonly<Partial<Record<ChipName, string>>>
  readonly q: string
  readonly range: PastName | undefined
  /** Moments of the user's own; undefined where the URL has none, or none that is a time. */
  readonly since: Date | undefined
  readonly until: Date | undefined
}

export function filterOf(query: URLSearchParams): JobsFilter {
  const words = (name: FacetName): readonly string[] => [...new Set((query.get(name) ?? '').split(',').filter(Boolean))]
  const chips = CHIPS.flatMap((name) => {
    const value = query.get(name)
    return value ? [[name, value] as const] : []
  })
  return {
    state: words('state'),
    task: words('task'),
    queue: words('queue'),
    worker: words('worker'),
    chips: Object.fromEntries(chips),
    q: (query.get('q') ?? '').trim(),
    range: pastOf(query.get('range')),
    since: momentOf(query.get('since')),
    until: momentOf(query.get('until')),
  }
}

/** True where every job fits. */
export function isAll(filter: JobsFilter): boolean {
  return countOf(filter) === 0 && filter.q === ''
}

/** How many things are chosen, beside the search. */
export function countOf({ chips, range, since, until, ...filter }: JobsFilter): number {
  const values = FACETS.reduce((sum, name) => sum + filter[name].length, 0)
  return values + Object.keys(chips).length + Number(range !== undefined || since !== undefined || until !== undefined)
}

/** A query that says nothing of any of it. */
export const CLEARED: Readonly<Record<string, undefined>> = Object.fromEntries(
  [...FACETS, ...CHIPS, 'q', 'range', 'since', 'until'].map((name) => [name, undefined]),
)

/** As the API takes it; a time that goes with the clock begins that long before `now`. */
export function optionsOf(filter: JobsFilter, now: number): RecordedFilterOptions {
  const { chips, q, range, since, until, ...facets } = filter
  const chosen = FACETS.flatMap((name) => (facets[name].length > 0 ? [[name, facets[name]] as const] : []))
  const begin = range === undefined ? since : beginOf(range, now)
  return {
    ...Object.fromEntries(chosen),
    ...chips,
    ...(q !== '' && { q }),
    ...(begin && { since: begin }),
    ...(range === undefined && until && { until }),
  }
}

function momentOf(text: string | null): Date | undefined {
  const moment = new Date(text ?? '')
  return Number.isNaN(moment.getTime()) ? undefined : moment
}
