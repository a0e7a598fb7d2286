import { performance } from 'node:perf_hooks'
import type { Signals } from '../../app/signals.ts'
import type { Emitter } from '../../std/emitter.ts'
import { treeMemory } from './treeMemory.ts'

/** How often the limits are looked at, ms: what is busy is seen of the time between two looks. */
const LOOK_INTERVAL_MS = 1000
/** A limit that was exceeded holds until its measure is below this share of it: so a worker does not flutter. */
const RELIEF_SHARE = 0.9
/** While a limit is exceeded, it is reported again so often, ms. */
const REPEAT_INTERVAL_MS = 60_000

/** The limits of one worker; absent: none. */
export interface PressureLimits {
  /** Share of its time that the event loop of this thread may be busy. */
  readonly maxEventLoopUtilization?: number | undefined
  /** Kilobytes of 1024 bytes. */
  readonly maxMemory?: number | undefined
}

/** What is measured, and how much of it there may be. */
export interface Limit {
  readonly name: Signals['worker:pressure']['limit']
  readonly max: number
  measure(): number
  /** For people, as `it uses 512 MB of memory`, and the limit with the name of its option. */
  text(value: number): string
  readonly bound: string
}

type Report = Omit<Signals['worker:pressure'], 'hostname'>

export function limitsOf({ maxEventLoopUtilization, maxMemory }: PressureLimits): Limit[] {
  const limits: Limit[] = []
  if (maxEventLoopUtilization !== undefined) limits.push(loopLimit(maxEventLoopUtilization))
  if (maxMemory !== undefined) limits.push(memoryLimit(maxMemory * 1024))
  return limits
}

function loopLimit(max: number): Limit {
  let before = performance.eventLoopUtilization()
  const percent = (share: number): string => `${Math.round(share * 1000) / 10} %`
  return {
    name: 'event-loop',
    max,
    measure: () => {
      const now = performance.eventLoopUtilization()
      const { utilization } = performance.eventLoopUtilization(now, before)
      before = now
      return utilization
    },
    text: (value) => `its event loop is busy for ${percent(value)} of the time`,
    bound: `${percent(max)} (maxEventLoopUtilization)`,
  }
}

function memoryLimit(max: number): Limit {
  const megabytes = (bytes: number): string => `${Math.ceil(bytes / 1024 ** 2)} MB`
  return {
    name: 'memory',
    max,
    measure: treeMemory,
    text: (value) => `it uses ${megabytes(value)} of memory`,
    bound: `${megabytes(max)} (maxMemory)`,
  }
}

/** The worker that has the limits. */
/** The worker whose messages are limited. */
export interface Limited {
  readonly hostname: string
  readonly app: { readonly signals: Pick<Emitter<Signals>, 'emit'> }
}

/** One that looks from now on, and reports by the signal. `changed`: the worker may take more now, or less. */
export function openPressure(limits: PressureLimits, worker: Limited, changed: () => void): BackPressure {
  const pressure = new BackPressure(limitsOf(limits), (report) => {
    changed()
    worker.app.signals.emit('worker:pressure', { hostname: worker.hostname, ...report })
  })
  pressure.start()
  return pressure
}

/** A limit that is exceeded. */
interface Exceeded {
  /** ms, by the clock of `performance`. */
  readonly since: number
  /** How often it was reported. */
  reports: number
  reason: string
}

/**
 * Whether a worker is over one of its limits. It then takes one task at a time: it would wait for ever for memory that
 * does not come down, and a loop may be busy with something other than tasks.
 */
export class BackPressure {
  readonly #limits: readonly Limit[]
  readonly #report: (report: Report) => void
  readonly #exceeded = new Map<Limit, Exceeded>()
  #timer: NodeJS.Timeout | undefined

  constructor(limits: readonly Limit[], report: (report: Report) => void) {
    this.#limits = limits
    this.#report = report
  }

  /** Why it takes one task at a time; undefined where it is within its limits. */
  get reason(): string | undefined {
    const [exceeded] = this.#exceeded.values()
    return exceeded && `it takes one task at a time: ${exceeded.reason}`
  }

  /** How many messages it may hold, of so many without limits. */
  most(count: number): number {
    return this.#exceeded.size > 0 ? Math.min(count, 1) : count
  }

  start(): void {
    this.#timer = setInterval(() => this.look(performance.now()), LOOK_INTERVAL_MS).unref()
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#exceeded.clear()
  }

  /** `now`: ms, by the clock of `performance`. */
  look(now: number): void {
    for (const limit of this.#limits) {
      const value = limit.measure()
      const exceeded = this.#exceeded.get(limit)
      if (exceeded && value < limit.max * RELIEF_SHARE) this.#relieve(limit, value, now - exceeded.since)
      else if (exceeded || value > limit.max) this.#exceed(limit, value, exceeded ?? { since: now, reports: 0 }, now)
    }
  }

  #exceed(limit: Limit, value: number, { since, reports }: Omit<Exceeded, 'reason'>, now: number): void {
    const { name, max } = limit
    const reason = `${limit.text(value)}, ${value > max ? 'more than' : 'and was above'} ${limit.bound}`
    const time = now - since
    const isDue = time >= reports * REPEAT_INTERVAL_MS
    this.#exceeded.set(limit, { since, reports: isDue ? reports + 1 : reports, reason })
    if (isDue) this.#report({ limit: name, isExceeded: true, value, max, time, reason })
  }

  #relieve(limit: Limit, value: number, time: number): void {
    const { name, max } = limit
    this.#exceeded.delete(limit)
    this.#report({ limit: name, isExceeded: false, value, max, time, reason: limit.text(value) })
  }
}
