import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, it } from 'vitest'
import type { App } from '../../src/app/app.ts'
import type { DeadLetterQuery } from '../../src/backend/dead/deadLetters.ts'
import { envelopeOf } from '../../src/testing/factories.ts'
import { lettersOf } from '../deadLetters.ts'
import { eventually } from '../wait.ts'
import { onStores } from './lab.ts'
import { storesOf } from './stores.ts'

/* A hundred thousand dead letters: listed, sent again at a rate, and by processes that are killed. */

const CHILD = new URL('./children/redrive.ts', import.meta.url).pathname
/** What a page may take, ms. */
const MAX_PAGE_MS = 50
/** In flight when a process is killed, where messages and results are on two stores. */
const MAX_AT_ONCE = 100

const idOf = (at: number): string => `id-${String(at).padStart(6, '0')}`

async function fill(app: App, count: number): Promise<void> {
  const letters = await lettersOf(app)
  for (let from = 0; from < count; from += 1000) {
    const some = Array.from({ length: Math.min(1000, count - from) }, (_, at) => from + at)
    await letters.put(
      some.map((at) => ({
        ...{ id: idOf(at), task: at % 1000 === 0 ? 'rare' : `task-${at % 10}`, queue: 'celery', lost: 0, retries: 3 },
        ...{ reason: 'failed', error: { type: 'TypeError', message: `no connection to host ${at % 100}` } },
        ...{ died: Date.now() - 1000, worker: 'celery@host', history: [] },
        envelope: { ...envelopeOf(idOf(at)), body: JSON.stringify([[at, 'x'.repeat(300)], {}, {}]) },
      })),
    )
  }
}

async function median(work: () => Promise<unknown>): Promise<number> {
  const times: number[] = []
  for (let round = 0; round < 15; round++) {
    const started = performance.now()
    await work()
    times.push(performance.now() - started)
  }
  return times.toSorted((a, b) => a - b)[7] as number
}

/** How often each id is among the messages of the queue. */
async function sentIds(app: App, count: number): Promise<ReadonlyMap<string, number>> {
  const { broker } = await storesOf(app)
  const consumer = await broker.consume([{ name: 'celery' }], { prefetch: 500, name: 'reader' })
  const ids = new Map<string, number>()
  let left = count
  for await (const delivery of consumer) {
    const id = String(delivery.envelope.headers.id)
    ids.set(id, (ids.get(id) ?? 0) + 1)
    // Not awaited: those of one turn are one write.
    void delivery.ack()
    if (--left === 0) break
  }
  await consumer.close()
  await consumer.release()
  return ids
}

onStores(['sqlite', 'redis', 'postgres', 'rabbitmq'], (lab, kind) => {
  const isOneStore = kind !== 'rabbitmq'
  const count = isOneStore ? 100_000 : 10_000

  it('listed by page, sent again at the rate, and by processes that are killed', { timeout: 600_000 }, async () => {
    const app = lab().app()
    await fill(app, count)
    const letters = await lettersOf(app)
    const middle = (await letters.load([idOf(count / 2)]))[0]?.version
    const pages: Readonly<Record<string, Omit<DeadLetterQuery, 'limit'>>> = {
      newest: {},
      oldest: { oldest: true },
      middle: { cursor: String(middle ?? 1) },
      task: { task: 'task-3' },
      queue: { queue: 'celery' },
      error: { error: 'HOST 7' },
    }
    const took: Record<string, number> = {}
    for (const [name, query] of Object.entries(pages))
      took[name] = await median(async () =>
        expect((await letters.list({ ...query, limit: 50 })).letters).toHaveLength(50),
      )
    // A page may be short where little fits.
    took.rare = await median(() => letters.list({ q: 'rare', limit: 50 }))
    console.info(kind, 'ms a page', took)
    for (const [name, ms] of Object.entries(took)) expect(ms, `${kind}, ${name}`).toBeLessThanOrEqual(MAX_PAGE_MS)

    const started = performance.now()
    const { ids } = await app.deadLetters.redrive({ all: true }, { rate: '200/s', limit: 601 })
    const rate = (ids.length - 1) / ((performance.now() - started) / 1000)
    console.info(kind, 'a second', rate)
    expect(rate).toBeLessThanOrEqual(201)
    expect(rate).toBeGreaterThan(180)

    const kills = 5
    const left = async (): Promise<number> => (await app.deadLetters.count()).celery ?? 0
    for (let kill = 1; kill <= kills; kill++) {
      const before = await left()
      const child = spawn(process.execPath, ['--conditions=source', CHILD, lab().url, lab().backend ?? ''], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      const ended = once(child, 'exit')
      await eventually(left, (now) => now < before - 200 * kill)
      child.kill('SIGKILL')
      await ended
      if (isOneStore) expect((await app.queueSize()) + (await left())).toBe(count)
    }
    console.info(kind, 'left after the kills', await left())
    // What a process that was killed has begun to send is another's after half a minute.
    await eventually(
      async () => {
        await app.deadLetters.redrive({ all: true })
        return left()
      },
      (now) => now === 0,
    )
    const size = await app.queueSize()
    const sent = await sentIds(app, size)
    console.info(kind, 'sent twice', size - sent.size)
    expect(sent.size).toBe(count)
    expect(size - count).toBeLessThanOrEqual(isOneStore ? 0 : kills * MAX_AT_ONCE)
  })
})
