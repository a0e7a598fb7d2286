import type { App } from '../../app/app.ts'
import { ArgumentError, CeleriacError } from '../../std/errors.ts'
import { type JobFilterOptions, jobLine } from '../jobFilter.ts'
import { jsonText } from '../json.ts'
import { type AppOptions, withApp } from '../loadApp.ts'

export interface RevokeCommandOptions extends AppOptions {
  terminate?: boolean
  tree?: boolean
}

/** Options of `celeriac revoke` that choose the tasks. */
const CHOOSING = ['state', 'task', 'owner', 'tag', 'search', 'olderThan', 'limit', 'cursor', 'dryRun', 'json']

/** `celeriac revoke ID`: fails when the task, or with `tree` all of the workflow, had ended already. */
export async function revoke(id: string, { terminate, tree, ...options }: RevokeCommandOptions): Promise<void> {
  // Ignored, a dry run would be none.
  if (CHOOSING.some((name) => name in options))
    throw new ArgumentError('revoke: expected an id or options that choose tasks, got both')
  await withApp(options, async (app) => {
    const handle = app.result(id)
    // A group has no record.
    const known = (await handle.info()) ?? (tree ? await app.workflow(id) : undefined)
    if (!(await handle.revoke({ terminate, tree }))) {
      const state = tree ? (await app.workflow(id))?.state : undefined
      const what = tree ? 'workflow' : 'task'
      throw new CeleriacError('COMMAND_FAILED', `${what} ${id} has ended already: ${state ?? (await handle.state())}`)
    }
    // Tasks that keep no record can be revoked too, so that no record is no error.
    const note = known ? '' : ' (no record of it here: if a worker takes it, it will not run)'
    process.stdout.write(`revoked ${id}${note}\n`)
  })
}

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
  const atLeast = found.cursor === undefined ? '' : 'at least '
  const count = dryRun ? `${atLeast}${found.jobs.length} would be revoked` : `${found.revoked} revoked`
  const more = found.cursor === undefined ? [] : [`more fit: go on with --cursor ${found.cursor}`]
  process.stdout.write(`${[...lines, count, ...more].join('\n')}\n`)
}
