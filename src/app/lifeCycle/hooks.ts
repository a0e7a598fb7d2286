import { inTime } from '../../std/deadline.ts'
import { CeleriacError } from '../../std/errors.ts'
import type { Logger } from '../../std/log.ts'
import { readOptions } from '../../std/optionTable.ts'
import { type StopSignal, untilStopped } from '../../std/stopSignal.ts'
import { asError } from '../../std/thrown.ts'
import { requireFunction } from '../../std/validate.ts'
import { HOOK_OPTIONS, type HookOptions } from './hookOptions.ts'

/** A worker, as its hooks see it. */
export interface WorkerFacts {
  readonly hostname: string
  readonly queues: readonly string[]
  /** `inline`, `threads`, `processes` or `solo`. */
  readonly pool: string
  /** How many tasks may run at once. */
  readonly concurrency: number
}

/** Where tasks run: a thread or process of a pool or, with `inline` and `solo`, the worker's own thread. */
export interface ChildFacts {
  /** `inline`, `threads`, `processes` or `solo`. */
  readonly pool: string
}

/** Runs in the worker, when it starts or ends. */
export type WorkerHook = (worker: WorkerFacts) => unknown
/** Runs where the tasks run, before the first and after the last of them. */
export type ChildHook = (child: ChildFacts) => unknown

interface Entry<Facts> {
  readonly run: (facts: Facts) => unknown
  /** ms */
  readonly timeout: number
}

/** The hooks of one moment. */
export class HookList<Facts> {
  readonly #name: string
  readonly #timeout: number
  readonly #entries = new Set<Entry<Facts>>()

  /** `name`: the method that adds one; `timeout`: default, ms. */
  constructor(name: string, timeout: number) {
    this.#name = name
    this.#timeout = timeout
  }

  /** How long all of them may take, ms. */
  get limit(): number {
    return [...this.#entries].reduce((sum, { timeout }) => sum + timeout, 0)
  }

  /** The returned function takes it back. Throws ArgumentError. */
  add(run: (facts: Facts) => unknown, options: HookOptions): () => void {
    requireFunction(run, this.#name)
    const { timeout = this.#timeout } = readOptions(HOOK_OPTIONS, options, this.#name)
    const entry = { run, timeout }
    this.#entries.add(entry)
    return () => {
      this.#entries.delete(entry)
    }
  }

  /**
   * One after the other, the first first. Rejects with the failure of the first that fails, or as soon as `stop`
   * aborts; the others are not run.
   */
  async run(facts: Facts, stop?: StopSignal): Promise<void> {
    for (const entry of [...this.#entries]) {
      const call = this.#call(entry, facts)
      await (stop ? untilStopped(call, stop) : call)
    }
  }

  /** All of them, also after a failure, which is logged. Never rejects. */
  async runAll(facts: Facts, log: Logger, order: 'first first' | 'last first' = 'last first'): Promise<void> {
    const entries = [...this.#entries]
    for (const entry of order === 'first first' ? entries : entries.reverse()) {
      await this.#call(entry, facts).catch((error: Error) => log.error({ err: error.cause }, error.message))
    }
  }

  async #call({ run, timeout }: Entry<Facts>, facts: Facts): Promise<void> {
    try {
      await inTime((async () => run(facts))(), timeout)
    } catch (thrown) {
      const cause = asError(thrown)
      const reason = cause === thrown ? `${cause.name}: ${cause.message}` : cause.message
      throw new CeleriacError('HOOK_FAILED', `a hook of ${this.#name} failed: ${reason}`, { cause })
    }
  }
}

/** How long a hook may take by default, ms: at the start, and at the end. */
const START_TIMEOUT_MS = 30_000
const END_TIMEOUT_MS = 2000

/** The hooks of an app around its workers and the threads and processes of their pools. */
export class Hooks {
  readonly workerInit: HookList<WorkerFacts> = new HookList('onWorkerInit', START_TIMEOUT_MS)
  readonly workerReady: HookList<WorkerFacts> = new HookList('onWorkerReady', START_TIMEOUT_MS)
  readonly workerShutdown: HookList<WorkerFacts> = new HookList('onWorkerShutdown', END_TIMEOUT_MS)
  readonly childInit: HookList<ChildFacts> = new HookList('onChildInit', START_TIMEOUT_MS)
  readonly childShutdown: HookList<ChildFacts> = new HookList('onChildShutdown', END_TIMEOUT_MS)
}
