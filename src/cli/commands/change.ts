import type { AsyncResult } from '../../calls/asyncResult.ts'
import { ArgumentError } from '../../std/errors.ts'
import { type AppOptions, withApp } from '../loadApp.ts'
import { argumentsOf, jsonValue } from '../values.ts'

type JobChanges = Parameters<AsyncResult['change']>[0]

export interface ChangeCommandOptions extends AppOptions {
  eta?: Date
  countdown?: number
  queue?: string
  priority?: number
  /** JSON. */
  args?: string
  kwargs?: string
}

/** `celeriac change`: changes a job while it waits; one that does not wait is an error. */
export async function change(id: string, options: ChangeCommandOptions): Promise<void> {
  const changes = changesOf(options)
  await withApp(options, (app) => app.result(id).change(changes))
  process.stdout.write(`changed ${id}\n`)
}

/** `celeriac promote`: a delayed job may run now. */
export async function promote(id: string, options: AppOptions): Promise<void> {
  await withApp(options, (app) => app.result(id).change({ countdown: 0 }))
  process.stdout.write(`promoted ${id}\n`)
}

function changesOf({ eta, countdown, queue, priority, args, kwargs }: ChangeCommandOptions): JobChanges {
  const list = args === undefined ? undefined : jsonValue(args, '--args')
  if (list !== undefined && !Array.isArray(list)) throw new ArgumentError(`--args: expected a JSON array, got ${args}`)
  return {
    eta,
    countdown,
    queue,
    priority,
    args: list,
    kwargs: kwargs === undefined ? undefined : argumentsOf([], kwargs).kwargs,
  }
}
