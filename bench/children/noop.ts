import type { Celeriac, Schema, Submission } from 'celeriac'

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

/** `run` is called in each run with the number of the task; `batch`: so many calls at most are one run. */
export function defineNoop(app: Celeriac, run: (task: number) => void, batch: number | undefined): Noop {
  if (batch === undefined) {
    const noop = app.task('bench.noop', (task: number) => {
      run(task)
      return null
    })
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
