import { CeleriacError } from '../../std/errors.ts'
import { type AppOptions, withApp } from '../loadApp.ts'

export interface RevokeCommandOptions extends AppOptions {
  terminate?: boolean
}

/** `celeriac revoke`: fails when the task had ended already. */
export async function revoke(id: string, options: RevokeCommandOptions): Promise<void> {
  await withApp(options, async (app) => {
    const handle = app.result(id)
    const info = await handle.info()
    if (!(await handle.revoke({ terminate: options.terminate }))) {
      throw new CeleriacError('COMMAND_FAILED', `task ${id} has ended already: ${await handle.state()}`)
    }
    // Tasks that keep no record can be revoked too, so that no record is no error.
    const note = info ? '' : ' (no record of it here: if a worker takes it, it will not run)'
    process.stdout.write(`revoked ${id}${note}\n`)
  })
}
