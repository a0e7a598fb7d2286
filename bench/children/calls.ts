import { setTimeout as sleep } from 'node:timers/promises'
import type { Ask, Asked } from '../harness/order.ts'
import type { Pace } from './pace.ts'
import { presentMoment } from './workflows.ts'

/** Call until the time is over, `inFlight` calls unanswered at a time. */
export async function callEach(pace: Pace, inFlight: number, call: (task: number) => Promise<unknown>): Promise<void> {
  const lane = async (): Promise<void> => {
    for (let task = pace.take(); task !== undefined; task = pace.take()) {
      await call(task)
      pace.done()
    }
  }
  await Promise.all(Array.from({ length: inFlight }, lane))
}

/** Submit `bulk` tasks by each call, one call after the other, until the time is over. */
export async function bulkEach(
  pace: Pace,
  bulk: number,
  call: (tasks: readonly number[]) => Promise<unknown>,
): Promise<void> {
  for (let tasks = pace.takeMany(bulk); tasks.length > 0; tasks = pace.takeMany(bulk)) {
    await call(tasks)
    pace.done(tasks.length)
  }
}

/** Call `count` times, `inFlight` calls unanswered at a time. */
export async function callMany(
  count: number,
  inFlight: number,
  call: (task: number) => Promise<unknown>,
): Promise<void> {
  let next = 0
  const lane = async (): Promise<void> => {
    while (next < count) await call(next++)
  }
  await Promise.all(Array.from({ length: inFlight }, lane))
}

/**
 * How long a call takes to its result: with a pause after each until the time is over, after a warm-up without. Where the
 * starts of tasks are measured, calls await no result, and there is a pause after those of the warm-up too.
 */
export async function askEach(
  { warmup, window, pause, starts }: Ask,
  call: (task: number) => Promise<unknown>,
): Promise<Asked> {
  const sent: number[] = []
  const next = (): Promise<unknown> => call(sent.push(presentMoment()) - 1)
  while (sent.length < warmup) {
    await next()
    if (starts) await sleep(pause)
  }
  const roundTrips: number[] = []
  const cpu = process.cpuUsage()
  const begun = performance.now()
  while (performance.now() - begun < window * 1000) {
    const start = performance.now()
    await next()
    roundTrips.push(performance.now() - start)
    await sleep(pause)
  }
  const seconds = (performance.now() - begun) / 1000
  const { user, system } = process.cpuUsage(cpu)
  roundTrips.sort((a, b) => a - b)
  return { roundTrips, calls: sent.length, sent, tasks: roundTrips.length, seconds, cpuMicroseconds: user + system }
}

/** Tasks of one bulk call. */
const BULK = 1000

/** Send tasks 0 to `count` - 1, so many at a time. */
export async function sendInBulk(count: number, send: (tasks: readonly number[]) => Promise<unknown>): Promise<void> {
  for (let from = 0; from < count; from += BULK) {
    await send(Array.from({ length: Math.min(BULK, count - from) }, (_, index) => from + index))
  }
}
