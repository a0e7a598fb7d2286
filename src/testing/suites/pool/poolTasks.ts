import type { App } from '../../../app/app.ts'
import { chainData, taskData } from '../../../protocol/canvas.ts'
import { Fatal, Ignore, Reject } from '../../../std/errors.ts'
import { currentTask, type TaskContext } from '../../../tasks/current.ts'

/**
 * Define the tasks that `poolSuite` runs. Threads and processes need them in a module: `export const app =
 * definePoolTasks(new Celeriac())`.
 */
export function definePoolTasks<Target extends App>(app: Target): Target {
  defineOutcomes(app)
  defineStops(app)
  defineEmissions(app)
  defineLifeCycle(app)
  return app
}

/** What is there before a job, and stays for the next. */
function defineLifeCycle(app: App): void {
  let hook = 'not hooked'
  let made = 0
  app.onChildInit(async () => {
    await null
    hook = 'hooked'
  })
  const resource = app.provide('resource', { create: async () => ++made })
  app.task('resource', async () => `${hook}, resource ${await currentTask()?.get(resource)}`)
}

function defineOutcomes(app: App): void {
  app.task('add', (x: number, y: number) => x + y)
  app.task('fail', (message: string) => {
    throw new RangeError(message)
  })
  app.task('fatal', () => {
    throw new Fatal('never again')
  })
  app.task(
    'flaky',
    () => {
      throw new Error('try again')
    },
    { retry: { max: 3, delay: 250, backoff: 'fixed', jitter: 'none' } },
  )
  const backoff = (attempt: number, error: unknown): string => `${attempt * 100 + (error as Error).message.length}ms`
  app.task('backing', () => Promise.reject(new Error('four')), { retry: { max: 3, backoff } })
  app.task('snoozing', () => currentTask()?.snooze('5m'))
  app.task('renewed', (list: readonly number[], scale: number) => list.map((one) => one * scale), {
    version: 2,
    upgrade: async (args) => [args, 10],
  })
  app.task('replace', () => {
    const tasks = [taskData('add', { args: [1, new Date(0)] }), taskData('add', { args: [2] })]
    currentTask()?.replace(chainData(tasks))
  })
  app.task('ignore', () => {
    throw new Ignore()
  })
  app.task('reject', () => {
    throw new Reject('not mine', { requeue: true })
  })
  app.task('message', (_: unknown) => told(currentTask() as TaskContext))
  app.task('values', () => ({ bytes: new Uint8Array([1, 2, 255]), date: new Date(86_400_000) }))
  app.task('echo', (value: unknown) => value)
  app.task('unsendable', () => ({ call: () => 1 }))
}

/** All that a context says of its message, as plain data. */
export function told(ctx: TaskContext): Record<string, unknown> {
  const { timeLimit, softTimeLimit, retries, priority, replyTo, correlationId, deliveryInfo, group, groupIndex } = ctx
  const { stampedHeaders, stamps, origin, shadow, ignoreResult, replacedTaskNesting, argsrepr, kwargsrepr } = ctx
  const { args, kwargs, isEager, calledDirectly } = ctx
  const names = (list: TaskContext['chain']): string[] => list.map(({ task }) => task)
  return {
    ...{ timeLimit, softTimeLimit, retries, priority, replyTo, correlationId, deliveryInfo, group, groupIndex },
    ...{ stampedHeaders, stamps, origin, shadow, ignoreResult, replacedTaskNesting, argsrepr, kwargsrepr },
    ...{ args, kwargs, isEager, calledDirectly },
    eta: ctx.eta?.toISOString(),
    expires: ctx.expires?.toISOString(),
    contentType: ctx.properties?.contentType,
    chord: ctx.chord?.task ?? null,
    chain: names(ctx.chain),
    callbacks: names(ctx.callbacks),
    errbacks: names(ctx.errbacks),
  }
}

function defineEmissions(app: App): void {
  app.task('parts', async (count: number, size: number) => {
    const task = current()
    for (let part = 1; part <= count; part++) {
      if (part === 3) await task.updateState('THIRD')
      await task.chunk(`${part} ${'x'.repeat(size)}`)
    }
    return count
  })
  app.task('flood', () => {
    for (;;) void current().chunk('x')
  })
  app.task(
    'words',
    () => {
      current().log.debug({}, 'not this')
      current()
        .log.child({ page: 1 })
        .info({ token: 'hidden', err: new RangeError('inner') }, 'a word')
    },
    { exposeLogs: true },
  )
}

function defineStops(app: App): void {
  app.task('steps', async (count: number) => {
    const task = current()
    for (let step = 1; step <= count; step++) await task.updateState(`STEP ${step}`, { step })
    return count
  })
  app.task('eventful', (count: number) => {
    for (let step = 1; step <= count; step++) current().sendEvent('task-step', { step, text: 'ü' })
  })
  /** Reports that it runs, then waits until it is asked to stop. */
  app.task('obedient', async () => {
    const task = current()
    await task.updateState('RUNNING')
    const { signal } = task
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve))
    throw signal.reason
  })
  /** Says that it runs, then ignores everything; reports again after a while. */
  app.task('stubborn', async (wait: number) => {
    const task = current()
    await task.updateState('RUNNING')
    await new Promise((resolve) => setTimeout(resolve, wait))
    await task.updateState('LATE')
  })
  app.task('spin', async () => {
    await current().updateState('RUNNING')
    for (;;);
  })
  app.task('exit', (code: number) => {
    process.exit(code)
  })
  app.task('hoard', () => {
    const held: number[][] = []
    for (;;) held.push(Array.from({ length: 100_000 }, (_, index) => index + held.length))
  })
  /** Its own end is a success, but something it left behind throws. */
  app.task('stray', async () => {
    setImmediate(() => {
      throw new Error('stray')
    })
    await new Promise((resolve) => setTimeout(resolve, 10_000, undefined))
  })
}

function current(): TaskContext {
  const task = currentTask()
  if (!task) throw new Error('expected to run as a task')
  return task
}
