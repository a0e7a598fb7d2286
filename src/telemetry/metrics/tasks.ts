import type { App } from '../../app/app.ts'
import type { Signals } from '../../app/signals.ts'
import { FAILURE, RETRY, REVOKED, SNOOZED, SUCCESS } from '../../protocol/states.ts'
import { type Count, Counts, gauge, type Timing, Timings } from './counters.ts'
import type { Family } from './family.ts'

/** Bounds of the buckets of runs, s: from a quick query to an hour. */
const DURATION_BUCKETS_S = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600]

/**
 * The signals that a run ends with, by the task's state; the last three are no states: released or dropped, done by
 * another worker, left to another worker.
 */
const END_SIGNALS = {
  'task:success': SUCCESS,
  'task:failure': FAILURE,
  'task:retry': RETRY,
  'task:snoozed': SNOOZED,
  'task:revoked': REVOKED,
  'task:rejected': 'REJECTED',
  'task:lost': 'LOST',
  'task:returned': 'RETURNED',
} as const satisfies Partial<Record<keyof Signals, string>>

/** What is known of the runs of one task. */
interface Runs {
  readonly timing: Timing
  readonly ends: Map<string, Count>
}

/**
 * What an app submits, and what its workers in this process do, by its signals. Tasks that are not registered here are
 * not counted: the number of names would have no limit.
 */
export class TaskMetrics {
  readonly #app: App
  readonly #elsewhere = new Set<string>()
  readonly #submitted = new Counts({
    name: 'celeriac_jobs_submitted_total',
    help: 'Jobs that this process submitted.',
  })
  readonly #ends = new Counts({ name: 'celeriac_tasks_total', help: 'Ends of task runs, by state.' })
  readonly #durations = new Timings(
    { name: 'celeriac_task_duration_seconds', help: 'How long task runs took.' },
    DURATION_BUCKETS_S,
  )
  readonly #submittedOf = new Map<string, Count>()
  readonly #runsOf = new Map<string, Runs>()
  readonly #running = new Set<string>()
  /** Limits that are exceeded, by the name of the worker. */
  readonly #exceeded = new Map<string, Set<string>>()

  constructor(app: App) {
    this.#app = app
    app.on('task:after-publish', ({ task }) => {
      const count = this.#submittedOf.get(task) ?? this.#submittedAnew(task)
      if (count) count.value++
    })
    app.on('task:prerun', ({ id }) => void this.#running.add(id))
    app.on('task:postrun', ({ id, task, runtime }) => {
      this.#running.delete(id)
      this.#runs(task)?.timing.observe(runtime / 1000)
    })
    app.on('worker:pressure', ({ hostname, limit, isExceeded }) => {
      const limits = this.#exceeded.get(hostname) ?? new Set()
      this.#exceeded.set(hostname, limits)
      if (isExceeded) limits.add(limit)
      else limits.delete(limit)
    })
    app.on('worker:shutdown', ({ hostname }) => void this.#exceeded.delete(hostname))
    for (const [signal, state] of Object.entries(END_SIGNALS) as [keyof typeof END_SIGNALS, string][]) {
      app.on(signal, ({ task }) => this.#end(task, state))
    }
  }

  /** Count those of these tasks, too, whose code lives elsewhere. */
  know(names: Iterable<string>): void {
    for (const name of names) this.#elsewhere.add(name)
  }

  /** Names of the tasks that are counted. */
  get names(): ReadonlySet<string> {
    return new Set([...this.#app.tasks.keys(), ...this.#elsewhere])
  }

  families(): Family[] {
    // Tasks that were never submitted are 0, so that the first submission is seen as a step.
    for (const name of this.names) if (!this.#submittedOf.has(name)) this.#submittedAnew(name)
    const running = { name: 'celeriac_tasks_running', help: 'Tasks that run now.' }
    return [
      this.#submitted.family(),
      this.#ends.family(),
      this.#durations.family(),
      gauge(running, [{ labels: {}, value: this.#running.size }]),
      gauge(
        { name: 'celeriac_worker_pressure', help: 'Workers that take one task at a time because of this limit.' },
        ['event-loop', 'memory'].map((limit) => ({ labels: { limit }, value: this.#under(limit) })),
      ),
    ]
  }

  /** How many workers of this process have exceeded a limit. */
  #under(limit: string): number {
    return [...this.#exceeded.values()].filter((limits) => limits.has(limit)).length
  }

  #submittedAnew(task: string): Count | undefined {
    if (!this.#app.tasks.has(task) && !this.#elsewhere.has(task)) return undefined
    const count = this.#submitted.count({ task })
    this.#submittedOf.set(task, count)
    return count
  }

  #end(task: string, state: string): void {
    const runs = this.#runs(task)
    if (!runs) return
    const count = runs.ends.get(state) ?? this.#ends.count({ task, state })
    runs.ends.set(state, count)
    count.value++
  }

  #runs(task: string): Runs | undefined {
    const known = this.#runsOf.get(task)
    if (known || !this.#app.tasks.has(task)) return known
    // From the first run on both are there: what fails for the first time is a step from 0.
    const ends = new Map([SUCCESS, FAILURE].map((state) => [state, this.#ends.count({ task, state })]))
    const runs = { timing: this.#durations.timing({ task }), ends }
    this.#runsOf.set(task, runs)
    return runs
  }
}
