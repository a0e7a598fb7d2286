import type { Celeriac, Schema, Submission, TaskOptions } from 'celeriac'

/** The task that does nothing but to count its run. */
export interface Noop {
  submit(task: number): Submission<unknown>
  submitMany(tasks: readonly number[]): Promise<unknown>
}

interface Input {
  readonly task: number
}

const INPUT: Schema<Input, Input> = {
  '~standard': { version: 1, vendor: 'bench', validate: (value) => ({ value: value as Input }) },
}

interface NoopOptions {
  /** So many calls at most are one run. */
  readonly batch: number | undefined
  /** It has a rate and a concurrency limit by one of so many keys, which hold up none. */
  readonly keys: number | undefined
}

/** `run` is called in each run with the number of the task. */
export function defineNoop(app: Celeriac, run: (task: number) => void, { batch, keys }: NoopOptions): Noop {
  if (batch === undefined) {
    const noopOf = (task: number): null => {
      run(task)
      return null
    }
    const noop = app.task('bench.noop', noopOf, keys === undefined ? {} : limitsBy(keys))
    return { submit: (task) => noop.delay(task), submitMany: (tasks) => noop.delayMany(tasks.map((task) => [task])) }
  }
  const noop = app.task({
    name: 'bench.noop',
    input: INPUT,
    batch: { size: batch, wait: 50 },
    run: (items) => {
      for (const { input } of items) run(input.task)
    },
  })
  return {
    submit: (task) => noop.delay({ task }),
    submitMany: (tasks) => noop.delayMany(tasks.map((task) => ({ task }))),
  }
}

function limitsBy(keys: number): TaskOptions {
  const key = (task: number): string => String(task % keys)
  return { rateLimit: { limit: '1000000/s', burst: 10_000, key }, concurrency: { limit: 100, key } }
}
