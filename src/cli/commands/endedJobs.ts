import type { App } from '../../app/app.ts'
import { ArgumentError, CeleriacError } from '../../std/errors.ts'
import { printable } from '../fleet/printable.ts'
import { type JobFilterOptions, jobLine } from '../jobFilter.ts'
import { jsonText } from '../json.ts'
import { type AppOptions, withApp } from '../loadApp.ts'

export interface ForgetCommandOptions extends AppOptions {
  owner?: string
  tag?: string
  queue?: string
  dryRun?: boolean
  revoke?: boolean
  limit?: number
  cursor?: string
  json?: boolean
}

type ForgetReport = Awaited<ReturnType<App['forgetJobs']>>

/** `celeriac forget`: fails where a job that fits was not forgotten, since it has not ended. */
export async function forget(given: readonly string[], options: ForgetCommandOptions): Promise<void> {
  const { owner, tag, queue, dryRun, revoke, limit, cursor, json } = options
  const ids = given.length > 0 ? given : undefined
  if (!ids && owner === undefined && tag === undefined)
    throw new ArgumentError('forget: expected ids of tasks, or --owner, --tag')
  const how = { dryRun, revoke, queue, limit, cursor }
  const report = await withApp(options, (app) => app.forgetJobs({ ids, owner, tag }, how))
  process.stdout.write(`${json ? jsonText(report) : forgetLines(report, dryRun === true).join('\n')}\n`)
  const { active } = report
  if (active.length > 0 && !dryRun)
    throw new CeleriacError(
      'COMMAND_FAILED',
      `not forgotten, as they have not ended: ${active.length}${revoke ? ', which were revoked: try again when their workers have ended them' : '; with --revoke they are revoked before'}`,
    )
}

function forgetLines({ ids, active, removed, cursor }: ForgetReport, dryRun: boolean): string[] {
  const { records, events, metadata, inputs, payloads, waits, deliveries, deadLetters } = removed
  const parts = [
    `records ${records}`,
    `events ${events}`,
    `metadata ${metadata}`,
    `inputs ${inputs}`,
    ...(payloads > 0 ? [`payloads ${payloads}`] : []),
    `waits ${waits}`,
    `deliveries ${deliveries}`,
    `dead letters ${deadLetters}`,
  ]
  return [
    ...(dryRun ? ids.map(printable) : []),
    `${ids.length} ${dryRun ? 'would be forgotten' : 'forgotten'} (${parts.join(', ')})`,
    ...active.map((id) => `not ended: ${printable(id)}`),
    ...(cursor === undefined ? [] : [`more fit: go on with --cursor ${cursor}`]),
  ]
}

type RetryFilter = Parameters<App['retryJobs']>[0]
type RetryReport = Awaited<ReturnType<App['retryJobs']>>

export interface RetryCommandOptions extends JobFilterOptions {
  error?: string
  since?: Date | number
  rate?: string
  dryRun?: boolean
}

/** `celeriac retry`: submits jobs that have failed once more; with `--dry-run` it lists them. */
export async function retry(given: readonly string[], options: RetryCommandOptions): Promise<void> {
  const { state, task, owner, tag, search, error, since, rate, dryRun, limit, cursor, json } = options
  const ids = given.length > 0 ? given : undefined
  const filter = { ids, state: state as RetryFilter['state'], task, owner, tag, q: search, error }
  if (since === undefined && Object.values(filter).every((value) => value === undefined))
    throw new ArgumentError(
      'retry: expected ids of tasks, or --task, --error, --since, --tag, --owner, --state, --search',
    )
  const report = await withApp(options, (app) => {
    const from = typeof since === 'number' ? app.config.clock.now() - since : since?.getTime()
    return app.retryJobs({ ...filter, since: from }, { dryRun, rate, limit, cursor })
  })
  process.stdout.write(`${json ? jsonText(report) : retryLines(report, dryRun === true).join('\n')}\n`)
  const { unfit } = report
  if (unfit.length > 0) {
    const wanted = error === undefined ? '' : ' with this error'
    throw new CeleriacError(
      'COMMAND_FAILED',
      `not found, or not ${state ?? 'FAILURE'}${wanted}: ${unfit.map(printable).join(', ')}`,
    )
  }
}

function retryLines({ jobs, retried, before, inputNotKept, cursor }: RetryReport, dryRun: boolean): string[] {
  const lost = new Set(inputNotKept)
  const fits = jobs.length - lost.size
  return [
    ...(dryRun ? jobs.filter(({ id }) => !lost.has(id)).map(jobLine) : []),
    ...Object.entries(retried).map(([id, again]) => `${printable(id)} submitted again as ${again}`),
    dryRun ? `${fits} would be submitted again` : `${Object.keys(retried).length} submitted again`,
    ...(before.length > 0 ? [`${before.length} were submitted again before`] : []),
    ...inputNotKept.map((id) => `its input was not kept: ${printable(id)}`),
    ...(cursor === undefined ? [] : [`more fit: go on with --cursor ${cursor}`]),
  ]
}
