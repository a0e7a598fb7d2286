import cluster, { type Worker } from 'node:cluster'
import { CeleriacError } from '../std/errors.ts'
import type { Logger } from '../std/log.ts'
import { type Family, sumsOf } from '../telemetry/metrics/family.ts'
import type { Metrics } from '../telemetry/metrics/metrics.ts'

/*
 * A scrape of `serve --workers N` reaches one of its processes, which asks the leader for what all of them count. The
 * leader keeps the last report of each, and the sums of those that have ended: counters do not run backwards when
 * processes are replaced.
 */

type Reported = readonly Family[]

/** From a child: it can be asked; it wants the counts of all, and sends its own; its answer; its last counts. */
type ChildMessage =
  | { readonly metrics: 'here' }
  | { readonly metrics: 'gather'; readonly ask: number; readonly own: Reported }
  | { readonly metrics: 'reported'; readonly own: Reported }
  | { readonly metrics: 'last'; readonly own: Reported }
/** To a child. */
type LeaderMessage =
  | { readonly metrics: 'report' }
  | { readonly metrics: 'gathered'; readonly ask: number; readonly all: readonly Reported[] }

/** How long a process has to report its counts, ms; for one that is too busy, the last report counts. */
const REPORT_TIMEOUT_MS = 1000
/** How long the leader has to gather it all, ms. */
const GATHER_TIMEOUT_MS = 4000

/** What the processes below this one count. */
class Ledger {
  readonly #able = new Set<Worker>()
  readonly #told = new Map<Worker, Reported>()
  readonly #waiting = new Map<Worker, (() => void)[]>()
  /** Of those that have ended. */
  #past: Reported = []

  hear(worker: Worker, message: ChildMessage): void {
    if (message.metrics === 'here') {
      this.#able.add(worker)
      return
    }
    this.#told.set(worker, message.own)
    if (message.metrics === 'gather') void this.#gather(worker, message.ask)
    else this.#arrived(worker)
  }

  ended(worker: Worker): void {
    this.#able.delete(worker)
    this.#past = sumsOf([this.#past, this.#told.get(worker) ?? []])
    this.#told.delete(worker)
    this.#arrived(worker)
  }

  async #gather(by: Worker, ask: number): Promise<void> {
    await Promise.all([...this.#able].filter((worker) => worker !== by).map((worker) => this.#report(worker)))
    const all = [this.#past, ...this.#told.values()]
    tellChild(by, { metrics: 'gathered', ask, all })
  }

  /** Resolves when the process has reported its counts, has ended, or takes too long. */
  #report(worker: Worker): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, REPORT_TIMEOUT_MS)
      const done = (): void => {
        clearTimeout(timer)
        resolve()
      }
      this.#waiting.set(worker, [...(this.#waiting.get(worker) ?? []), done])
      tellChild(worker, { metrics: 'report' }, done)
    })
  }

  #arrived(worker: Worker): void {
    const waiting = this.#waiting.get(worker) ?? []
    this.#waiting.delete(worker)
    for (const done of waiting) done()
  }
}

/** Gather for the processes below this one what all of them count. */
export function leadMetrics(): void {
  const ledger = new Ledger()
  cluster.on('message', (worker, message: unknown) => {
    if (isAboutMetrics<ChildMessage>(message)) ledger.hear(worker, message)
  })
  cluster.on('exit', (worker) => ledger.ended(worker))
}

/**
 * Have a scrape of this process show what all processes below its leader count. The returned function is for when it
 * has counted its last: call it before it leaves.
 */
export function joinMetrics(metrics: Metrics, logger: Logger): () => Promise<void> {
  const asking = new Map<number, (all: readonly Reported[]) => void>()
  let asks = 0
  process.on('message', (message: unknown) => {
    if (!isAboutMetrics<LeaderMessage>(message)) return
    if (message.metrics === 'gathered') asking.get(message.ask)?.(message.all)
    else
      metrics.own().then(
        (own) => tell({ metrics: 'reported', own }),
        (error: unknown) => logger.error({ err: error }, 'metrics: reporting to the leading process failed'),
      )
  })
  metrics.peers = (own) =>
    new Promise((resolve, reject) => {
      const ask = asks++
      const late = new CeleriacError('COMMAND_FAILED', 'metrics: the leading process does not answer')
      const timer = setTimeout(() => {
        asking.delete(ask)
        reject(late)
      }, GATHER_TIMEOUT_MS)
      asking.set(ask, (all) => {
        clearTimeout(timer)
        asking.delete(ask)
        resolve(all)
      })
      tell({ metrics: 'gather', ask, own })
    })
  tell({ metrics: 'here' })
  return async () => {
    if (metrics.asked) tell({ metrics: 'last', own: await metrics.own() })
  }
}

function isAboutMetrics<Message extends ChildMessage | LeaderMessage>(message: unknown): message is Message {
  return typeof (message as Partial<Message> | null)?.metrics === 'string'
}

/** A leader that has gone is noticed elsewhere. */
function tell(message: ChildMessage): void {
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined)
}

/** `gone`: the message cannot be sent, as the process has ended. */
function tellChild(worker: Worker, message: LeaderMessage, gone: () => void = () => undefined): void {
  if (worker.isConnected()) worker.send(message, (error) => error && gone())
  else gone()
}
