/* Tasks that do with hostile values all that a task can do with a value. */
import { App } from '../../../src/app/app.ts'
import { Reject, Retry, RetryAfter } from '../../../src/std/errors.ts'
import { createLogger } from '../../../src/std/log.ts'
import { currentTask, type TaskContext } from '../../../src/tasks/current.ts'
import { hostile } from './values.ts'

function here(): TaskContext {
  return currentTask() as TaskContext
}

/** A property that an error of ours has, set by hand. */
function spoiled(error: Error, key: string, value: unknown): Error {
  return Object.defineProperty(error, key, { value })
}

export function defineHostile(app: App): App {
  app.task('add', (one: number, two: number) => one + two)
  app.task('returns', (name: string) => hostile(name))
  app.task('resolves', async (name: string) => hostile(name))
  app.task('throws', (name: string) => {
    throw hostile(name)
  })
  app.task('rejects', (name: string) => Promise.reject(hostile(name)))
  app.task('repeats', (name: string) => {
    throw new Retry('again', 1, { cause: hostile(name) })
  })
  app.task(
    'retries',
    (name: string) => {
      throw hostile(name)
    },
    { retry: { max: 1, delay: 1, jitter: 'none', on: [RangeError, Error], except: [TypeError] }, throws: [RangeError] },
  )
  app.task(
    'waits',
    (name: string) => {
      throw hostile(name)
    },
    { retry: { max: 1, backoff: (_, error) => error as number } },
  )
  app.task('rejectsMessage', (name: string) => {
    throw spoiled(new Reject('no'), 'message', hostile(name))
  })
  app.task(
    'delays',
    (name: string) => {
      throw spoiled(new RetryAfter(1), 'delay', hostile(name))
    },
    { retry: { max: 1, delay: 1 } },
  )
  app.task('logs', (name: string) => {
    here().log.info({ value: hostile(name), err: hostile(name) }, 'hostile')
    here().log.error(hostile(name) as object, 'hostile')
    return 1
  })
  app.task('reports', async (name: string) => {
    await here().updateState('SOME', hostile(name))
    return 1
  })
  app.task('progresses', async (name: string) => {
    await here().progress(hostile(name))
    return 1
  })
  app.task('chunks', async (name: string) => {
    await here().chunk(hostile(name))
    return 1
  })
  app.task('hooks', (name: string) => hostile(name), {
    beforeStart: () => hostile('thenable'),
    onSuccess: (_, { args }) => {
      throw hostile(args[0] as string)
    },
    onFailure: (_, { args }) => {
      throw hostile(args[0] as string)
    },
    afterReturn: (_, { args }) => Promise.reject(hostile(args[0] as string)),
  })
  app.task(
    'failingHooks',
    (name: string) => {
      throw hostile(name)
    },
    {
      onFailure: (error) => {
        throw error
      },
      afterReturn: ({ error }) => {
        throw error
      },
    },
  )
  /* In a child: nothing catches it, and it ends the child. */
  app.task('uncaught', async (name: string) => {
    setImmediate(() => {
      throw hostile(name)
    })
    await new Promise((resolve) => setTimeout(resolve, 10_000))
  })
  app.task('unhandled', async (name: string) => {
    void Promise.reject(hostile(name))
    await new Promise((resolve) => setTimeout(resolve, 10_000))
  })
  return app
}

export const HOSTILE_TASKS = `returns resolves throws rejects repeats retries waits rejectsMessage delays
  logs reports progresses chunks hooks failingHooks`.split(/\s+/)

export const app: App = defineHostile(new App({ broker: 'memory:', logger: createLogger('silent') }))
