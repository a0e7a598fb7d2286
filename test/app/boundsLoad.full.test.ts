import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { App } from '../../src/app/app.ts'
import { pieces } from '../../src/std/chunks.ts'
import { eventually, within } from '../wait.ts'
import { type Lab, onStores } from './lab.ts'

/** Two processes call as often as they can for this long, s. */
const SECONDS = 15
const CAP = 200
/** The same in bytes, of messages of some 2 kB. */
const BYTES_CAP = 400_000
const TEXT = 1800

interface Bound {
  readonly maxQueueLength?: number
  readonly maxQueueBytes?: number
  readonly onFull: 'reject' | 'drop-oldest'
}

/** Of RabbitMQ; other stores have one kind. */
type QueueType = 'classic' | 'quorum'

interface Counts {
  readonly taken: number
  readonly refused: number
  readonly others: readonly string[]
  /** Bytes in use in its memory, after a third of the time and at the end. */
  readonly warm: number
  readonly end: number
}

class Flood {
  readonly #folder = mkdtempSync(join(tmpdir(), 'celeriac-flood-'))
  readonly #children: ChildProcess[] = []
  readonly #journals: string[] = []

  start({ url, backend = url }: Lab, bound: Bound, type: QueueType): ChildProcess {
    const journal = join(this.#folder, `${this.#journals.length}`)
    const size = bound.maxQueueBytes === undefined ? 0 : TEXT
    const args = [url, backend, JSON.stringify(bound), String(size), String(SECONDS), journal, type]
    const child = fork(join(import.meta.dirname, 'children', 'flood.ts'), args, {
      execArgv: ['--disable-warning=ExperimentalWarning', '--conditions=source', '--expose-gc'],
    })
    this.#children.push(child)
    this.#journals.push(journal)
    return child
  }

  /** All processes have begun. */
  get hasBegun(): boolean {
    return this.#journals.every((journal) => existsSync(journal))
  }

  /** Ids of the calls that were taken. */
  get ids(): string[] {
    return this.#journals.flatMap((journal) => readFileSync(journal, 'utf8').split('\n').filter(Boolean))
  }

  end(): void {
    for (const child of this.#children) child.kill('SIGKILL')
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

/** How many jobs are in each state. */
async function statesOf(app: App, ids: readonly string[]): Promise<Record<string, number>> {
  const states: Record<string, number> = {}
  for (const some of pieces(ids, 500))
    for (const state of await app.states(some)) states[state] = (states[state] ?? 0) + 1
  return states
}

/** `above`: how far above the bound it may be. */
function floods(lab: () => Lab, above: number, bound: Bound, type: QueueType = 'classic'): void {
  const { onFull } = bound
  const [name] = Object.keys(bound)
  test(`${name}, ${onFull}, ${type}: producers at the cap, one of them killed: each job has an end, memory stays flat`, async () => {
    const app = lab().app({ ...bound, lease: '2s', queues: { celery: { type } } })
    app.task('work', async (n: number, _text: string) => {
      await sleep(5)
      return n
    })
    const flood = new Flood()
    lab().after(() => flood.end())
    const worker = await lab().work(app, { concurrency: 8 })
    const killed = flood.start(lab(), bound, type)
    const child = flood.start(lab(), bound, type)
    const [counting, ended] = [once(child, 'message'), once(child, 'exit')]
    /** Of the bound. */
    let largest = 0
    const sampling = setInterval(() => {
      app.bounds().then(
        ([use]) => {
          if (use) largest = Math.max(largest, use.used / use.limit)
        },
        () => undefined,
      )
    }, 50)
    lab().after(() => clearInterval(sampling))
    await eventually(
      async () => flood.hasBegun,
      (hasBegun) => hasBegun,
    )
    await sleep((SECONDS * 1000) / 3)
    killed.kill('SIGKILL')
    const [counts] = (await within(() => 'the counts of the producer', counting, 60_000)) as [Counts]
    await within(() => 'the end of the producer', ended, 60_000)
    const { ids } = flood
    const states = await eventually(
      () => statesOf(app, ids),
      ({ PENDING = 0, STARTED = 0, RETRY = 0 }) => PENDING + STARTED + RETRY === 0,
    )
    expect(Object.keys(states).sort()).toEqual(onFull === 'reject' ? ['SUCCESS'] : ['REVOKED', 'SUCCESS'])
    expect(await app.queueSize()).toBe(0)
    await eventually(
      async () => worker.busy,
      (busy) => busy === 0,
    )
    expect(counts.others).toEqual([])
    expect(counts.taken).toBeGreaterThan(100)
    if (onFull === 'reject') expect(counts.refused).toBeGreaterThan(100)
    // For how-large-may-it-grow.md.
    console.log(
      `${lab().kind}, ${name}, ${onFull}, ${type}: ${largest.toFixed(3)} of the bound, ${JSON.stringify(counts)}`,
    )
    expect(largest).toBeLessThanOrEqual(above)
    expect(largest).toBeGreaterThan(0.5)
    expect(counts.warm).toBeGreaterThan(0)
    expect(counts.end).toBeLessThan(counts.warm * 1.5)
  })
}

onStores(
  ['sqlite', 'redis', 'postgres'],
  (lab) => {
    for (const onFull of ['reject', 'drop-oldest'] as const) {
      floods(lab, 1, { maxQueueLength: CAP, onFull })
      floods(lab, 1, { maxQueueBytes: BYTES_CAP, onFull })
    }
  },
  { memory: false },
)
// What is known of two processes at once is not exact on stores without a common transaction.
onStores(
  ['rabbitmq'],
  (lab) => {
    floods(lab, 2, { maxQueueLength: CAP, onFull: 'reject' })
    floods(lab, 2, { maxQueueLength: CAP, onFull: 'drop-oldest' })
    floods(lab, 2, { maxQueueLength: CAP, onFull: 'drop-oldest' }, 'quorum')
  },
  { memory: false },
)
