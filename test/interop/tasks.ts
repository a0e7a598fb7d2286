import { setTimeout as sleep } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import { z } from 'zod'
import type { App } from '../../src/app/app.ts'
import { Ignore, PythonError } from '../../src/std/errors.ts'
import { currentTask, type TaskContext } from '../../src/tasks/current.ts'
import { told } from '../../src/testing/suites/pool/poolTasks.ts'

/** What the tasks need of the test around them. */
export interface Surroundings {
  /** Resolves when the test opens the gate of this name. */
  gate(name: string): Promise<void>
  /** Append a line to a list in the store. */
  note(list: string, line: string): Promise<void>
}

/** Gates and lists in Redis, as `python/tasks.py` has them. */
export function surroundingsOf(redis: Redis): Surroundings {
  return {
    gate: async (name) => {
      await redis.rpush('waiting', name)
      const waiting = redis.duplicate()
      // Reported by the command that fails.
      waiting.on('error', () => undefined)
      await waiting.blpop(`gate:${name}`, 25)
      waiting.disconnect()
    },
    note: async (list, line) => {
      await redis.rpush(list, line)
    },
  }
}

/** The counterpart of `python/tasks.py`. */
export function defineTasks(app: App, { gate, note }: Surroundings): void {
  app.task('ts.add', (x: number, y?: number) => x + (y ?? 100))
  app.task('ts.echo', (...args: unknown[]) => args)
  app.task({ name: 'ts.object', input: z.looseObject({}), run: async (input) => input })
  app.task({
    name: 'ts.integrate',
    input: z.object({ f: z.string(), a: z.number(), b: z.number(), size: z.number().default(100) }),
    params: ['f', 'a', 'b', 'size'],
    run: async (input) => input,
  })
  app.task({
    name: 'ts.scale',
    input: z.object({ number: z.number(), by: z.number().default(10) }),
    run: async ({ number, by }) => number * by,
  })
  app.task('ts.types', (...args: unknown[]) => args.map((value) => `${(value as object)?.constructor.name}`))
  app.task('ts.give', (kind: string) => {
    const given: Record<string, unknown> = {
      date: new Date(0),
      bytes: new Uint8Array([0, 255]),
      text: 'Grüße 🎈',
      float: 0.1,
    }
    return given[kind]
  })
  app.task('ts.fail', (message?: string) => {
    throw new TypeError(message ?? 'no such thing')
  })
  app.task('ts.fail_custom', (message: string) => {
    throw new ShopError(message)
  })
  app.task('ts.raise', (kind: string) => {
    throw FAILURES[kind]?.()
  })
  app.task('ts.pass_on', async (task: string, queue: string) => (await app.send(task, [], { queue })).get())
  app.task('ts.ignore', () => {
    throw new Ignore()
  })
  app.task('ts.body', async (parts: unknown[]) => {
    await note('bodies', context().id)
    return parts.length
  })
  app.task('ts.uuid', () => crypto.randomUUID())
  app.task('ts.join', (...parts: unknown[]) => parts.join('-'))
  app.task('ts.total', (numbers: number[]) => numbers.reduce((sum, number) => sum + number, 0))
  app.task('ts.retry_once', () => {
    const task = context()
    if (task.attempt === 1) task.retry({ countdown: 200, cause: new RangeError('not yet') })
    return { retries: task.attempt - 1, id: task.id }
  })
  app.task('ts.retry_later', () => context().retry({ countdown: 600_000, cause: new RangeError('not yet') }))
  app.task('ts.forever', () => sleep(25_000, undefined, { ref: false }))
  app.task('ts.sleep', async (ms: number) => {
    const { signal } = context()
    // Node's AbortError only says that there is a reason.
    await sleep(ms, undefined, { signal }).catch(() => signal.throwIfAborted())
    return 'slept'
  })
  app.task('ts.progress', async () => {
    const task = context()
    await task.progress({ done: 1, of: 2 })
    await gate(task.id)
    await task.updateState('STEP 1', ['custom'])
    await gate(task.id)
    return 'done'
  })
  app.task('ts.children', async (count: number, task?: string, queue?: string) => {
    const calls = Array.from({ length: count }, (_, n) => app.send(task ?? 'ts.add', [n, n], { queue }))
    return (await Promise.all(calls)).map(({ id }) => id)
  })
  app.task('ts.ignored', (label: string) => note('effects', label), { ignoreResult: true })
  app.task('ts.request', () => {
    const { id, headers, attempt, queue, parentId = null, rootId, hostname, redelivered } = context()
    return { id, headers, attempt, queue, parentId, rootId, hostname, redelivered }
  })
  app.task('ts.message', (..._: unknown[]) => told(context()))
  app.task('ts.record', (label: string) => note('order', label))
  app.task('ts.note', (...args: unknown[]) => note('notes', `ts.note ${args.join(' ')}`))
  app.task('ts.failed', (id: string, label: string) => {
    const { failed } = context()
    const said = failed?.id === id ? `${failed.task} ${failed.error.type}` : 'none'
    return note('notes', `ts.failed ${label}: ${said}`)
  })
  app.task('ts.gated', async (name: string) => {
    await note('started', name)
    await gate(name)
    return name
  })
  app.task('ts.adding', async (task: string, args: unknown[], queue: string) => {
    await currentTask()?.addToChord(app.signature(task, args).set({ queue }))
    return 'added'
  })
  app.task('both.work', async (number: number, seconds?: number) => {
    await sleep((seconds ?? 0) * 1000)
    await note('effects', `${number} typescript`)
    return ['typescript', number]
  })
}

const FAILURES: Readonly<Record<string, () => unknown>> = {
  value: () => new RangeError('out of range'),
  json: () => JSON.parse('{'),
  python: () => new PythonError('KeyError', ['apple']),
  stock: () => new OutOfStock('apple', 3, [1.5, null]),
}

/** `python/errors.py` has its like. */
class OutOfStock extends Error {
  static readonly pythonClass = 'errors.OutOfStock'
  readonly args: readonly unknown[]
  constructor(...args: readonly unknown[]) {
    super('out of stock')
    this.args = args
  }
}

class ShopError extends Error {
  override readonly name = 'ShopError'
}

function context(): TaskContext {
  return currentTask() as TaskContext
}
