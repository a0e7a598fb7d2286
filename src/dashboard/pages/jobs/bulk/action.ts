import type { RecordedFilterOptions } from '../../../../client/fleet/recorded.ts'
import { client } from '../../../api/client.ts'
import type { BulkAction } from '../../../parts/bulk/bulkDialog.tsx'
import type { Plan, Series, Step } from '../../../parts/bulk/plan.ts'
import { retrySeries } from '../../../parts/bulk/retrySeries.ts'
import { isEnded } from '../../../parts/state.tsx'
import { type JobsFilter, optionsOf } from '../filter/jobsFilter.ts'
import type { JobRow } from '../list/jobRow.ts'

/** What can be done to many jobs. */
export type ActionName = 'retry' | 'revoke' | 'terminate' | 'forget'

/** Some jobs: what was selected, or all that fit a filter. */
export type Target =
  | { readonly kind: 'selected'; readonly rows: readonly JobRow[] }
  | { readonly kind: 'all'; readonly filter: JobsFilter; readonly at: number }

export interface Action extends BulkAction {
  readonly name: ActionName
  /** On the button. */
  readonly title: string
  readonly ability: 'retry' | 'revoke' | 'forget'
}

export const ACTIONS: readonly Action[] = [
  {
    ...{ name: 'retry', title: 'Retry', verb: 'Retry', done: 'submitted again', ability: 'retry' },
    says: 'Each is submitted once more, as a new job with the same input.',
  },
  {
    ...{ name: 'revoke', title: 'Revoke', verb: 'Revoke', done: 'revoked', ability: 'revoke', isHarsh: true },
    says: 'Those that wait do not run. Those that run go on, unless their task looks at its signal.',
  },
  {
    ...{ name: 'terminate', title: 'Revoke and terminate', verb: 'Terminate', done: 'revoked', ability: 'revoke' },
    ...{ isHarsh: true, isFinal: true },
    says: 'Those that wait do not run. Those that run are ended by force, where their pool can.',
  },
  {
    ...{ name: 'forget', title: 'Forget', verb: 'Forget', done: 'forgotten', ability: 'forget' },
    ...{ isHarsh: true, isFinal: true },
    says: 'All that is kept of them is removed: record, input, result, events. This cannot be taken back.',
  },
]

const RETRIED = ['FAILURE', 'REVOKED', 'SUCCESS']
const OPEN = ['PENDING', 'RECEIVED', 'STARTED', 'RETRY']
/** Ids of one request: they are in its URL. */
const IDS = 100

/** Why an action can do nothing with the jobs of this filter; undefined where it can. */
export function barrierOf(name: ActionName, { state }: JobsFilter): string | undefined {
  if (state.length === 0 || name === 'forget') return undefined
  const wanted = name === 'retry' ? RETRIED : OPEN
  if (state.some((one) => wanted.includes(one))) return undefined
  return name === 'retry'
    ? `Only jobs in the states ${RETRIED.join(', ')} can be retried`
    : 'The filter has only jobs that have ended'
}

export function planOf(name: ActionName, target: Target): Plan {
  return target.kind === 'selected' ? selectedPlan(name, target.rows) : allPlan(name, target.filter, target.at)
}

function allPlan(name: ActionName, filter: JobsFilter, at: number): Plan {
  const { state, ...options } = optionsOf(filter, at)
  // What comes while it is counted and changed is left alone; and a filter has to be given.
  const fixed = { ...options, until: options.until ?? new Date(at) }
  if (name === 'forget') return { series: [forgetAll({ ...fixed, state })], left: {} }
  const chosen = (known: readonly string[]): readonly string[] => known.filter((one) => filter.state.includes(one))
  if (name === 'retry') {
    const states = state === undefined ? ['FAILURE'] : chosen(RETRIED)
    return { series: states.map((one) => retry({ ...fixed, state: one })), left: {} }
  }
  const states = state === undefined ? OPEN : chosen(OPEN)
  return { series: [revoke({ ...fixed, state: states }, name === 'terminate')], left: {} }
}

function selectedPlan(name: ActionName, rows: readonly JobRow[]): Plan {
  const fits = name === 'retry' ? isRetried : name === 'forget' ? () => true : isOpen
  const fitting = rows.filter(fits)
  const left = rows.length - fitting.length
  const reason = name === 'retry' ? 'have not ended' : 'have ended'
  const series = chunks(fitting, IDS).flatMap((some): Series[] => {
    const id = some.map((row) => row.id)
    if (name === 'forget') return [({ dryRun, signal }) => forget(id, dryRun, signal)]
    if (name !== 'retry') return [revoke({ id }, name === 'terminate')]
    return RETRIED.filter((state) => some.some((row) => row.state === state)).map((state) => retry({ id, state }))
  })
  return { series, left: left > 0 ? { [reason]: left } : {} }
}

function isRetried({ state }: JobRow): boolean {
  return RETRIED.includes(state)
}

function isOpen({ state }: JobRow): boolean {
  return !isEnded(state)
}

type Chosen = RecordedFilterOptions & { readonly id?: readonly string[] }

function retry(chosen: Chosen): Series {
  return retrySeries((asked) => client.recorded.retryJobs({ ...chosen, ...asked }))
}

function revoke(chosen: Chosen, terminate: boolean): Series {
  return async (asked) => {
    const { ids, revoked, ended, cursor } = await client.recorded.revokeJobs({ ...chosen, ...asked, terminate })
    return { count: asked.dryRun ? ids.length : revoked, left: { 'had ended before': ended.length }, cursor }
  }
}

/** The route takes no filter of the list but owner and tag: so the jobs are listed, and named. */
function forgetAll(options: RecordedFilterOptions): Series {
  return async ({ cursor, dryRun, signal }) => {
    const page = await client.recorded.jobs({ ...options, cursor, limit: IDS, signal })
    const ids = page.jobs.map(({ id }) => id)
    const step = ids.length > 0 ? await forget(ids, dryRun, signal) : { count: 0, left: {} }
    return { ...step, cursor: page.cursor }
  }
}

async function forget(ids: readonly string[], dryRun: boolean, signal: AbortSignal): Promise<Step> {
  const { ids: gone, active } = await client.forget({ ids, dryRun, signal })
  return { count: gone.length, left: { 'have not ended': active.length } }
}

function chunks<T>(list: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(list.length / size) }, (_, at) => list.slice(at * size, (at + 1) * size))
}
