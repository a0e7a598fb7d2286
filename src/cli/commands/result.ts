import type { App } from '../../app/app.ts'
import type { AsyncResult } from '../../calls/asyncResult.ts'
import type { JobInfo } from '../../calls/jobInfo.ts'
import { isFinal, SUCCESS } from '../../protocol/states.ts'
import { CeleriacError, UnknownJobError } from '../../std/errors.ts'
import { untilInterrupted } from '../interrupt.ts'
import { jsonText } from '../json.ts'
import { type AppOptions, withApp } from '../loadApp.ts'
import { withoutHead } from '../log.ts'

export interface ResultCommandOptions extends AppOptions {
  /** ms; true: no end. */
  wait?: number | true
  json?: boolean
}

/**
 * `celeriac result`: what is known of a task. The exit code is 1 when nothing is, and when it ended with FAILURE or
 * REVOKED.
 */
export async function result(id: string, options: ResultCommandOptions): Promise<void> {
  const info = await withApp(options, (app) => find(app, id, options.wait))
  process.stdout.write(`${options.json ? jsonText(info) : infoText(info)}\n`)
  if (isFinal(info.state) && info.state !== SUCCESS) process.exitCode = 1
}

async function find(app: App, id: string, wait: number | true | undefined): Promise<JobInfo> {
  const handle = app.result(id)
  if (wait !== undefined) await untilInterrupted(id, (signal) => end(handle, wait, signal))
  const info = await handle.info()
  if (info) return info
  const { backend, hint } = await app.connect()
  throw new CeleriacError('COMMAND_FAILED', `${new UnknownJobError(id, hint).message} (${backend})`)
}

/** Wait until it is final; an unknown id and the end of the time are errors. */
async function end(handle: AsyncResult, wait: number | true, signal: AbortSignal): Promise<void> {
  const events = handle.events(wait === true ? { signal } : { timeout: wait, signal })
  for await (const { state } of events) if (isFinal(state)) return
}

/** A record for people: a line for each thing that is known. */
function infoText(info: JobInfo): string {
  const { id, task, state, queue, worker, retries, submittedAt, startedAt, finishedAt, progress, error } = info
  const lines: [string, string | undefined][] = [
    ['id', id],
    ['task', task],
    ['state', state],
    ['result', state === SUCCESS ? jsonText(info.result, 0) : undefined],
    ['error', error && (error.message === '' ? error.type : `${error.type}: ${error.message}`)],
    ['progress', progress == null ? undefined : jsonText(progress, 0)],
    ['queue', queue],
    ['worker', worker],
    ['retries', retries > 0 ? String(retries) : undefined],
    ['submitted', submittedAt?.toISOString()],
    ['started', startedAt?.toISOString()],
    ['finished', finishedAt?.toISOString()],
  ]
  const known = lines.flatMap(([name, text]) => (text === undefined ? [] : [`${`${name}:`.padEnd(11)}${text}`]))
  const trace = error?.traceback === undefined ? '' : withoutHead(error.traceback, `${error.type}: ${error.message}`)
  return [...known, ...(trace === '' ? [] : ['traceback:', trace])].join('\n')
}
