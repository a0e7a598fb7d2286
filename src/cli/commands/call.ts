import type { App } from '../../app/app.ts'
import type { AsyncResult, Submission, WaitOptions } from '../../calls/asyncResult.ts'
import { callTask } from '../../calls/task.ts'
import type { CallOptions } from '../../config/callOptions.ts'
import { ConfigError } from '../../std/errors.ts'
import type { Given } from '../../tasks/bind.ts'
import { untilInterrupted } from '../interrupt.ts'
import { jsonText } from '../json.ts'
import { type AppOptions, withApp } from '../loadApp.ts'
import { ProgressLine } from '../progress.ts'
import { suggestion } from '../suggest.ts'
import { taskFailure } from '../taskFailure.ts'
import { argumentsOf } from '../values.ts'

export interface CallCommandOptions extends AppOptions {
  kwargs?: string
  queue?: string
  countdown?: number
  eta?: Date
  expires?: Date | number
  priority?: number
  taskId?: string
  /** ms; true: no end. */
  wait?: number | true
}

/**
 * `celeriac call`: sends a task and prints its id. With `--wait` the id goes to standard error and the result, as JSON,
 * to standard output; a task that fails is an error.
 */
export async function call(name: string, args: readonly string[], options: CallCommandOptions): Promise<void> {
  const given = argumentsOf(args, options.kwargs)
  await withApp(options, async (app) => {
    if (options.app !== undefined) requireTask(app, name, options.app)
    const handle = await send(app, name, given, callOptions(options))
    if (options.wait === undefined) {
      process.stdout.write(`${handle.id}\n`)
      return
    }
    process.stderr.write(`${handle.id}\n`)
    const limit: WaitOptions = options.wait === true ? {} : { timeout: options.wait }
    const result = await untilInterrupted(handle.id, (signal) => resultOf(handle, name, { ...limit, signal }))
    process.stdout.write(`${jsonText(result)}\n`)
  })
}

function requireTask(app: App, name: string, module: string): void {
  if (app.tasks.has(name)) return
  const known = [...app.tasks.keys()].sort()
  const list = known.length > 0 ? `there are ${known.join(', ')}` : 'it has no tasks'
  throw new ConfigError(`unknown task ${name} in ${module}${suggestion(name, known)}; ${list}`)
}

/** A task whose code is here is called as code calls it: its schema then checks the input. */
function send(app: App, name: string, { args, kwargs }: Given, options: CallOptions): Submission<unknown> {
  const task = app.tasks.get(name)
  return task ? callTask(task, { args, kwargs }, options) : app.send(name, args, { ...options, kwargs })
}

function callOptions({ queue, countdown, eta, expires, priority, taskId }: CallCommandOptions): CallOptions {
  const options: CallOptions = { queue, countdown, eta, expires, priority, taskId }
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
}

async function resultOf(handle: AsyncResult, name: string, limit: WaitOptions): Promise<unknown> {
  try {
    if (process.stderr.isTTY) await showProgress(handle, limit)
    return await handle.get(limit)
  } catch (error) {
    throw taskFailure(error, name)
  }
}

async function showProgress(handle: AsyncResult, limit: WaitOptions): Promise<void> {
  const line = new ProgressLine(process.stderr)
  try {
    for await (const event of handle.events(limit)) line.show(event)
  } finally {
    line.end()
  }
}
