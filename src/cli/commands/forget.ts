import type { App } from '../../app/app.ts'
import { ArgumentError, CeleriacError } from '../../std/errors.ts'
import { printable } from '../fleet/printable.ts'
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

type Report = Awaited<ReturnType<App['forgetJobs']>>

/** `celeriac forget`: fails where a job that fits was not forgotten, since it has not ended. */
export async function forget(given: readonly string[], options: ForgetCommandOptions): Promise<void> {
  const { owner, tag, queue, dryRun, revoke, limit, cursor, json } = options
  const ids = given.length > 0 ? given : undefined
  if (!ids && owner === undefined && tag === undefined)
    throw new ArgumentError('forget: expected ids of tasks, or --owner, --tag')
  const how = { dryRun, revoke, queue, limit, cursor }
  const report = await withApp(options, (app) => app.forgetJobs({ ids, owner, tag }, how))
  process.stdout.write(`${json ? jsonText(report) : linesOf(report, dryRun === true).join('\n')}\n`)
  const { active } = report
  if (active.length > 0 && !dryRun)
    throw new CeleriacError(
      'COMMAND_FAILED',
      `not forgotten, as they have not ended: ${active.length}${revoke ? ', which were revoked: try again when their workers have ended them' : '; with --revoke they are revoked before'}`,
    )
}

function linesOf({ ids, active, removed, cursor }: Report, dryRun: boolean): string[] {
  const { records, events, metadata, inputs, waits, deliveries, deadLetters } = removed
  const parts = [
    `records ${records}`,
    `events ${events}`,
    `metadata ${metadata}`,
    `inputs ${inputs}`,
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
