import type { DeadLetterFilterOptions } from '../../../client/client.ts'
import { here } from '../../app/location.ts'

/** Parameters of the URL that choose dead letters. */
export const FILTERS = ['queue', 'task', 'reason', 'error', 'since', 'owner', 'tag', 'q'] as const
export type FilterName = (typeof FILTERS)[number]

/** What the URL chooses. */
export function filterOf(query: URLSearchParams = here.value.query): DeadLetterFilterOptions {
  const words = Object.fromEntries(FILTERS.flatMap((name) => (query.get(name) ? [[name, query.get(name)]] : [])))
  const since = query.get('since')
  const moment = since === null ? undefined : new Date(since)
  return { ...words, since: moment && !Number.isNaN(moment.getTime()) ? moment : undefined }
}

/** True where nothing is chosen: then all are meant. */
export function isEmpty(filter: DeadLetterFilterOptions): boolean {
  return Object.values(filter).every((value) => value === undefined)
}

/** What is chosen, for people. */
export function filterWords(filter: DeadLetterFilterOptions): string {
  const words = Object.entries(filter).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name} ${value instanceof Date ? value.toISOString() : String(value)}`],
  )
  return words.length === 0 ? 'all dead letters' : `dead letters with ${words.join(', ')}`
}
