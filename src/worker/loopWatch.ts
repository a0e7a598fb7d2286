import { performance } from 'node:perf_hooks'
import type { Signals } from '../app/signals.ts'
import type { Emitter } from '../std/emitter.ts'
import type { Pool } from './pool/pool.ts'
import type { WorkerState } from './state.ts'

/** A loop that was kept busy for so long at a stretch is reported, ms. */
const BLOCKED_MS = 5000
/** How often the loop is looked at, ms. */
const INTERVAL_MS = 1000

type Blocked = Omit<Signals['worker:blocked'], 'hostname'>

/**
 * Notices when tasks that run in this thread keep its event loop busy, so that no other goes on. It is seen afterwards,
 * by a timer that came late: nothing is spent on a task.
 */
export class LoopWatch {
  readonly #state: Pick<WorkerState, 'totals' | 'running' | 'lastBegun'>
  readonly #report: (blocked: Blocked) => void
  readonly #limit: number
  readonly #interval: number
  #timer: NodeJS.Timeout | undefined
  #totals: ReadonlyMap<string, number> = new Map()
  #due = 0
  #usage = performance.eventLoopUtilization()

  /** `limit` and `interval`: ms. */
  constructor(
    state: Pick<WorkerState, 'totals' | 'running' | 'lastBegun'>,
    report: (blocked: Blocked) => void,
    { limit = BLOCKED_MS, interval = INTERVAL_MS }: { readonly limit?: number; readonly interval?: number } = {},
  ) {
    this.#state = state
    this.#report = report
    this.#limit = limit
    this.#interval = interval
  }

  start(): void {
    this.#begin()
    this.#timer = setInterval(() => this.#look(), this.#interval).unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #begin(): void {
    this.#due = performance.now() + this.#interval
    this.#usage = performance.eventLoopUtilization()
    this.#totals = new Map(this.#state.totals)
  }

  /** A process that stood still, by SIGSTOP or with its machine, was late without being busy. */
  #look(): void {
    const late = performance.now() - this.#due
    const { active } = performance.eventLoopUtilization(this.#usage)
    const time = Math.min(late, active)
    if (time >= this.#limit) this.#report({ time, ...this.#suspects() })
    this.#begin()
  }

  /** Tasks that have begun since the loop turned last; where there are none, those that run. */
  #suspects(): Omit<Blocked, 'time'> {
    const { totals, running, lastBegun } = this.#state
    const tasks: Record<string, number> = {}
    for (const [name, total] of totals) {
      const runs = total - (this.#totals.get(name) ?? 0)
      if (runs > 0) tasks[name] = runs
    }
    const begun = Object.values(tasks).reduce((sum, runs) => sum + runs, 0)
    if (begun > 0) return { tasks, certain: true, id: begun === 1 ? lastBegun : undefined }
    for (const { facts } of running.values()) tasks[facts.task] = (tasks[facts.task] ?? 0) + 1
    const [only] = running.size === 1 ? running.keys() : []
    return { tasks, certain: running.size === 1, id: only }
  }
}

/** Watch it where tasks run in this thread. The returned function ends that. */
export function watchLoop(
  { hostname, pools }: { readonly hostname: string; readonly pools: readonly Pool[] },
  state: WorkerState,
  signals: Emitter<Signals>,
): () => void {
  if (!pools.some(({ kind }) => kind === 'inline' || kind === 'solo')) return () => undefined
  const watch = new LoopWatch(state, (blocked) => signals.emit('worker:blocked', { hostname, ...blocked }))
  watch.start()
  return () => watch.stop()
}
