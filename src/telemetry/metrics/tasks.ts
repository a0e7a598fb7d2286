import type { App } from '../../app/app.ts'
import type { Signals } from '../../app/signals.ts'
import { FAILURE, RETRY, REVOKED, SNOOZED, SUCCESS } from '../../protocol/states.ts'
import { type Count, Counts, gauge, type Timing, Timings } from './counters.ts'
import type { Family } from './family.ts'

/** Bounds of the buckets of runs, s: from a quick query to an hour. */
const DURATION_BUCKETS_S = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600]

/** Bounds of the buckets of waits, s: from at once to a day. */
const WAIT_BUCKETS_S = [0.005, 0.025, 0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 14_400, 86_400]
/** Bounds of the buckets of beat's lateness, s. */
const LATENESS_BUCKETS_S = [0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60, 300, 3600]

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
  readonly wait: Timing
  readonly ends: Map<string, Count>
  readonly childrenLost: Count
  readonly rescued: Count
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
  readonly #waits = new Timings(
    { name: 'celeriac_task_queue_wait_seconds', help: 'How long tasks had been due when their runs began.' },
    WAIT_BUCKETS_S,
  )
  readonly #childrenLost = new Counts({
    name: 'celeriac_children_lost_total',
    help: 'Runs whose thread or process died.',
  })
  readonly #rescued = new Counts({
    name: 'celeriac_leases_rescued_total',
    help: 'Messages received whose worker before was lost.',
  })
  readonly #lateness = new Timings(
    { name: 'celeriac_beat_lateness_seconds', help: 'How late beat sent the runs of its schedule.' },
    LATENESS_BUCKETS_S,
  )
  readonly #breakerChanges = new Counts({
    name: 'celeriac_breaker_changes_total',
    help: 'How often the breaker of a limit changed its state by the end of a run, all of its keys together.',
  })
  /** By rule and state: those that the code of the app defines. */
  readonly #changesOf = new Map<string, Count>()
  #beat: Timing | undefined
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
    app.on('task:received', ({ task, lost = 0 }) => {
      const runs = lost > 0 ? this.#runs(task) : undefined
      if (runs) runs.rescued.value++
    })
    app.on('task:prerun', ({ id, task, waited }) => {
      this.#running.add(id)
      if (waited !== undefined) this.#runs(task)?.wait.observe(waited / 1000)
    })
    app.on('task:child-lost', ({ task }) => {
      const runs = this.#runs(task)
      if (runs) runs.childrenLost.value++
    })
    app.on('beat:ready', () => void this.#ofBeat())
    app.on('beat:sent', ({ late }) => this.#ofBeat().observe(Math.max(0, late) / 1000))
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
    app.on('limit:breaker', ({ rule, state }) => {
      const name = `${state} ${rule}`
      const count = this.#changesOf.get(name) ?? this.#breakerChanges.count({ rule, state })
      this.#changesOf.set(name, count)
      count.value++
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

  /** Its histograms. */
  get timings(): readonly Timings[] {
    return [this.#durations, this.#waits, this.#lateness]
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
      this.#waits.family(),
      this.#childrenLost.family(),
      this.#rescued.family(),
      this.#lateness.family(),
      this.#breakerChanges.family(),
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

  /** From the start of a beat on it is there. */
  #ofBeat(): Timing {
    this.#beat ??= this.#lateness.timing({})
    return this.#beat
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
    const runs = {
      timing: this.#durations.timing({ task }),
      wait: this.#waits.timing({ task }),
      ends,
      childrenLost: this.#childrenLost.count({ task }),
      rescued: this.#rescued.count({ task }),
    }
    this.#runsOf.set(task, runs)
    return runs
  }
}
