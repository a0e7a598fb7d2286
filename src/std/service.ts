import { Stop, type StopSignal } from './stopSignal.ts'

/**
 * Whatever runs: a worker, a beat, a server, a pool. Both methods may be called at any time and any number of times.
 */
export interface Service {
  /**
   * Resolves when it runs; a call while it starts or runs joins the first. Rejects when it cannot start: then nothing
   * is left open, and the next call tries again. A call after `stop` starts it again.
   */
  start(): Promise<void>
  /** Resolves when it has ended and all its parts are closed; at once if it does not run. During `start`: after it. */
  stop(): Promise<void>
}

export type ServiceState = 'idle' | 'starting' | 'running' | 'stopping'

/** One run of a service, from its start to its end. */
export interface ServiceRun {
  /** Aborts as soon as `stop` is called. */
  readonly stopping: StopSignal
  /**
   * Call this at the end of the run, and if the start fails. The function that was added last is called first, each
   * after the one before it has ended.
   */
  defer(close: () => unknown): void
}

/**
 * The states of a service: idle, starting, running, stopping. `open` starts one run, and defers the closing of each
 * part as soon as that part is open.
 */
export class Lifecycle implements Service {
  readonly #open: (run: ServiceRun) => Promise<void>
  /** The latest run, until it is over. */
  #run: Run | undefined

  constructor(open: (run: ServiceRun) => Promise<void>) {
    this.#open = open
  }

  get state(): ServiceState {
    return this.#run?.state ?? 'idle'
  }

  start(): Promise<void> {
    const before = this.#run
    if (before && before.state !== 'stopping') return before.started
    const run = new Run(() => {
      if (this.#run === run) this.#run = undefined
    })
    this.#run = run
    run.start(this.#open, before?.stop())
    return run.started
  }

  stop(): Promise<void> {
    return this.#run?.stop() ?? Promise.resolve()
  }
}

class Run implements ServiceRun {
  readonly stopping: Stop = new Stop()
  started: Promise<void> = Promise.resolve()
  readonly #over: () => void
  readonly #closers: (() => unknown)[] = []
  #isOpen = false
  #ended: Promise<void> | undefined

  constructor(over: () => void) {
    this.#over = over
  }

  get state(): ServiceState {
    if (this.stopping.aborted) return 'stopping'
    return this.#isOpen ? 'running' : 'starting'
  }

  defer(close: () => unknown): void {
    this.#closers.push(close)
  }

  /** `before`: the end of the run before this one, which may reject. */
  start(open: (run: ServiceRun) => Promise<void>, before: Promise<void> | undefined): void {
    this.started = this.#start(open, before)
  }

  stop(): Promise<void> {
    this.stopping.abort('stop')
    this.#ended ??= this.#end()
    return this.#ended
  }

  async #start(open: (run: ServiceRun) => Promise<void>, before: Promise<void> | undefined): Promise<void> {
    if (before !== undefined) {
      await before.catch(() => undefined)
      if (this.stopping.aborted) return
    }
    try {
      await open(this)
      this.#isOpen = true
    } catch (error) {
      // Why it could not start says more than what failed while it was cleaned up.
      await this.#close().catch(() => undefined)
      this.#over()
      throw error
    }
  }

  async #end(): Promise<void> {
    // Its failure was reported to the caller of `start`.
    await this.started.catch(() => undefined)
    try {
      await this.#close()
    } finally {
      this.#over()
    }
  }

  /** All of them, also if one fails; then rejects with the first error. */
  async #close(): Promise<void> {
    const errors: unknown[] = []
    for (const close of this.#closers.splice(0).reverse()) {
      try {
        await close()
      } catch (error) {
        errors.push(error)
      }
    }
    if (errors.length > 0) throw errors[0]
  }
}
