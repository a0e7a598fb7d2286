import type { App } from '../../app/app.ts'
import { ArgumentError } from '../../std/errors.ts'
import { type JobFilterOptions, jobLine } from '../jobFilter.ts'
import { jsonText } from '../json.ts'
import { withApp } from '../loadApp.ts'

type RevokeFilter = Parameters<App['revokeJobs']>[0]

export interface RevokeJobsCommandOptions extends JobFilterOptions {
  /** ms */
  olderThan?: number
  terminate?: boolean
  tree?: boolean
  dryRun?: boolean
}

/** `celeriac revoke` without an id: revokes the jobs that fit a filter; with `--dry-run` it lists them. */
export async function revokeMany(options: RevokeJobsCommandOptions): Promise<void> {
  const { state, task, owner, tag, search, olderThan, terminate, tree, dryRun, limit, cursor, json } = options
  if (tree) throw new ArgumentError('revoke: expected --tree with the id of a task')
  const filter: RevokeFilter = { state, task, owner, tag, q: search, olderThan }
  if (Object.values(filter).every((value) => value === undefined))
    throw new ArgumentError(
      'revoke: expected the id of a task, or --task, --tag, --owner, --state, --search, --older-than',
    )
  const found = await withApp(options, (app) => app.revokeJobs(filter, { terminate, dryRun, limit, cursor }))
  if (json) {
    process.stdout.write(`${jsonText(found)}\n`)
    return
  }
  const lines = dryRun ? found.jobs.map(jobLine) : []
  const count = dryRun ? `${found.jobs.length} would be revoked` : `${found.revoked} revoked`
  const more = found.cursor === undefined ? [] : [`more fit: go on with --cursor ${found.cursor}`]
  process.stdout.write(`${[...lines, count, ...more].join('\n')}\n`)
}
