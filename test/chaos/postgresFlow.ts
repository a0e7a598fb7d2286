import { expect, onTestFinished } from 'vitest'
import { StoreUnavailableError } from '../../src/std/errors.ts'
import type { PostgresServer } from '../postgres/server.ts'
import { Flow } from './flow.ts'
import { until } from './scene.ts'

/** Longer than any fault here lasts, and short enough to be waited for, ms. */
export const LEASE = 6000
/** For what a dead connection took with it to come back, on a slow machine, ms. */
export const BACK = LEASE + 10_000
/** Within seconds, ms. */
export const SOON = 8000
/** A worker that is idle looks by itself within so long, every 5 s or so, and then waits for the store, ms. */
const LOOK = 14_000
/** How long calls wait for the store, ms; and a slow machine. */
export const STORE_TIMEOUT = 1000
export const SLOW = 1500

/** Tasks flow through a database of their own. */
export async function open(server: PostgresServer): Promise<{ flow: Flow; database: string }> {
  const url = await server.empty()
  const flow = new Flow({ producer: url, worker: url, lease: LEASE, storeTimeout: STORE_TIMEOUT })
  onTestFinished(() => flow.close())
  return { flow: await flow.start(), database: new URL(url).pathname.slice(1) }
}

export async function healthy(flow: Flow): Promise<void> {
  await until('the worker is well', () => flow.worker.problem === undefined, SOON)
  expect(await flow.once(SOON)).toBeLessThan(SOON)
}

/** The worker says so; calls reject with this, in time. */
export async function unavailable(flow: Flow, words: RegExp): Promise<void> {
  // One that is idle finds out when it looks by itself.
  await until('the worker says so', () => flow.worker.problem !== undefined, LOOK)
  let begun = performance.now()
  let error = await refusal(flow)
  // It was under way on a connection that had just ended: it may have arrived, and is not sent again.
  if (/terminated unexpectedly/.test(String(error))) {
    begun = performance.now()
    error = await refusal(flow)
  }
  expect(error).toBeInstanceOf(StoreUnavailableError)
  expect(String(error)).toMatch(words)
  expect(performance.now() - begun).toBeLessThan(STORE_TIMEOUT + SLOW)
}

function refusal(flow: Flow): Promise<unknown> {
  return flow.producer.send('flow.run', [1]).catch((thrown: unknown) => thrown)
}

/** All that was accepted ends, and nothing of it began twice. */
export async function whole(flow: Flow): Promise<void> {
  await healthy(flow)
  await flow.more(20)
  await flow.finish(BACK)
  expect(flow.most).toBe(1)
  expect(flow.refused.filter((error) => !(error instanceof StoreUnavailableError))).toEqual([])
}
