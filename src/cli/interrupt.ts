import { CeleriacError } from '../std/errors.ts'

/**
 * Wait for a task until Ctrl-C, or SIGTERM, ends the wait: it rejects then with an error that says that the task goes
 * on. A second one ends the process as usual.
 */
export async function untilInterrupted<Result>(
  id: string,
  wait: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const stop = new AbortController()
  const text = `the wait was interrupted; task ${id} goes on (celeriac result ${id} --wait waits for it, celeriac revoke ${id} stops it)`
  const interrupt = (): void => stop.abort(new CeleriacError('COMMAND_FAILED', text))
  process.once('SIGINT', interrupt)
  process.once('SIGTERM', interrupt)
  try {
    return await wait(stop.signal)
  } finally {
    process.removeListener('SIGINT', interrupt)
    process.removeListener('SIGTERM', interrupt)
  }
}
