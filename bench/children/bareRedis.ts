/*
 * The entry of one child process that works with ioredis and nothing else: the best bare loop that we know. A call is LPUSH of
 * the message and SET of its record, a worker takes with RPOP and answers with SET and PUBLISH, 100 tasks per pipeline. What it
 * has taken and not finished is lost when it dies.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import type { Order } from '../harness/order.ts'
import type { Pace } from './pace.ts'
import { type Roles, runProgram } from './program.ts'
import { envelopeOf, idOf, recordOf, taskOf } from './taskBytes.ts'

const QUEUE = 'celery'
const BATCH = 100
/** Batches under way at once, so that client and server do not take turns. */
const BATCHES = 10
/** Of records, s. */
const EXPIRY = 86_400
/** Longest that a worker waits for a message before it asks again, s. */
const WAIT = 1
/** Between two looks into an empty queue while a backlog is drained, ms. */
const PAUSE_MS = 5

type Run = (task: number) => void

const keyOf = (task: number): string => `celery-task-meta-${idOf(task)}`
const lanes = (lane: () => Promise<void>): Promise<unknown> => Promise.all(Array.from({ length: BATCHES }, lane))

/** The number of the task in an envelope: the rest is not read. */
function taskIn(envelope: string): number {
  const at = envelope.indexOf('"id":"') + 6
  return taskOf(envelope.slice(at, at + 36))
}

async function submit(redis: Redis, tasks: readonly number[]): Promise<void> {
  const pipeline = redis.pipeline().lpush(QUEUE, ...tasks.map(envelopeOf))
  for (const task of tasks) pipeline.set(keyOf(task), recordOf(task, 'PENDING'), 'EX', EXPIRY)
  await pipeline.exec()
}

async function finish(redis: Redis, tasks: readonly number[]): Promise<void> {
  const pipeline = redis.pipeline()
  for (const task of tasks) {
    const record = recordOf(task, 'SUCCESS')
    pipeline.set(keyOf(task), record, 'EX', EXPIRY).publish(keyOf(task), record)
  }
  await pipeline.exec()
}

/** A worker that takes many messages at a time. */
function drain(redis: Redis, run: Run, done: (count: number) => void): { stop(): Promise<unknown> } {
  let running = true
  const ended = lanes(async () => {
    while (running) {
      const tasks = ((await redis.rpop(QUEUE, BATCH)) ?? []).map(taskIn)
      if (tasks.length === 0) await sleep(PAUSE_MS)
      for (const task of tasks) run(task)
      if (tasks.length > 0) await finish(redis, tasks)
      done(tasks.length)
    }
  })
  return {
    stop() {
      running = false
      return ended
    },
  }
}

/** A worker that answers each message at once, to a list of its own. */
function answer(redis: Redis, waiting: Redis, run: Run): { stop(): Promise<unknown> } {
  let running = true
  const ended = (async () => {
    while (running) {
      const [, envelope] = (await waiting.brpop(QUEUE, WAIT)) ?? []
      if (envelope === undefined) continue
      const task = taskIn(envelope)
      run(task)
      await redis.lpush(`reply-${task}`, recordOf(task, 'SUCCESS'))
    }
  })()
  return {
    stop() {
      running = false
      return ended
    },
  }
}

await runProgram(({ url, role }: Order): Roles => {
  const redis = new Redis(url)
  const waiting = new Redis(url)
  return {
    async fill(tasks) {
      for (let from = 0; from < tasks; from += BATCH) {
        await submit(
          redis,
          Array.from({ length: Math.min(BATCH, tasks - from) }, (_, index) => from + index),
        )
      }
    },
    enqueue: (pace: Pace) =>
      lanes(async () => {
        for (let tasks = pace.takeMany(BATCH); tasks.length > 0; tasks = pace.takeMany(BATCH)) {
          await submit(redis, tasks)
          pace.done(tasks.length)
        }
      }),
    async ask(task) {
      await redis.lpush(QUEUE, envelopeOf(task))
      await waiting.brpop(`reply-${task}`, 0)
    },
    work: async (run, done) => (role === 'drain' ? drain(redis, run, done) : answer(redis, waiting, run)),
    async close() {
      redis.disconnect()
      waiting.disconnect()
    },
  }
})
