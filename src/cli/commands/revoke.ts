import { CeleriacError } from '../../std/errors.ts'
import { type AppOptions, withApp } from '../loadApp.ts'

export interface RevokeCommandOptions extends AppOptions {
  terminate?: boolean
  tree?: boolean
}

/** `celeriac revoke`: fails when the task, or with `tree` all of the workflow, had ended already. */
export async function revoke(id: string, { terminate, tree, ...options }: RevokeCommandOptions): Promise<void> {
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
