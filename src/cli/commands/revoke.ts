import { ArgumentError, CeleriacError } from '../../std/errors.ts'
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
