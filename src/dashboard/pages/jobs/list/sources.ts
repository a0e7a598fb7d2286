import type { FacetsDocument } from '../../../../protocol/recordedDocument.ts'
import { client } from '../../../api/client.ts'
import type { LoadPortion } from '../../../parts/rows/pagedList.ts'
import { FACETS, type FacetName, type JobsFilter, optionsOf } from '../filter/jobsFilter.ts'
import { type JobRow, ofBackend, ofRecorded } from './jobRow.ts'

/** The recorder's jobs that fit. */
export function recordedJobs(filter: JobsFilter, now: number): LoadPortion<JobRow> {
  const options = optionsOf(filter, now)
  return async (cursor, limit, signal) => {
    const { jobs, cursor: next } = await client.recorded.jobs({ ...options, cursor, limit, signal })
    return { items: jobs.map(ofRecorded), cursor: next }
  }
}

/** What the result backend can filter by: the first of the values alone. */
export function backendJobs(filter: JobsFilter, now: number): LoadPortion<JobRow> {
  const { state, task, tag, q, since } = optionsOf(filter, now)
  const [oneState, oneTask] = [state?.[0], task?.[0]]
  return async (cursor, limit, signal) => {
    const options = { ...{ tag, q, since, cursor, limit, signal }, state: oneState, task: oneTask }
    const { jobs, cursor: next } = await client.jobs(options)
    return { items: jobs.map(ofBackend), cursor: next }
  }
}

/** How many jobs fit, and the values that there are to choose from. */
export interface Facets {
  readonly total: number
  /** The newest were counted alone. */
  readonly isPartial: boolean
  readonly values: Readonly<Record<FacetName, readonly { readonly value: string; readonly count: number }[]>>
}

const PLURALS = { state: 'states', task: 'tasks', queue: 'queues', worker: 'workers' } as const

/** The values of each facet are counted without its own choice, so that others can be added to it. */
export async function countFacets(filter: JobsFilter, now: number, signal: AbortSignal): Promise<Facets> {
  const count = async (without: JobsFilter): Promise<FacetsDocument> => {
    const { facets } = await client.recorded.jobs({ ...optionsOf(without, now), facets: true, limit: 1, signal })
    if (!facets) throw new Error('The server did not count the jobs.')
    return facets
  }
  const chosen = FACETS.filter((name) => filter[name].length > 0)
  const [all, ...others] = await Promise.all([count(filter), ...chosen.map((name) => count({ ...filter, [name]: [] }))])
  const values = FACETS.map((name) => [name, (others[chosen.indexOf(name)] ?? all)[PLURALS[name]]] as const)
  return { total: all.total, isPartial: all.isPartial, values: Object.fromEntries(values) as Facets['values'] }
}
