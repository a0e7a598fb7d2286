import type { App } from '../../../app/app.ts'
import { listenersOf } from '../../../app/knownQueues.ts'
import { Control } from '../../../control/control.ts'
import type { RunningTaskDocument, WorkerDocument, WorkerPoolDocument } from '../../../protocol/workerDocument.ts'
import { isRecord } from '../../../std/isRecord.ts'
import { Recent } from '../../../std/recent.ts'

/*
 * What the workers of a fleet answer, put together. All of it is asked at once, by one broadcast for each question
 * whatever the number of workers, and used by all who ask within a second.
 */

/** How long answers are used again, ms. */
const KEPT_MS = 1000
/** The wait for answers ends when none came for so long, ms, unless the store knows how many there are. */
const SILENCE_MS = 1000
/** How long one worker has, ms: its answer ends the wait. */
const ONE_TIMEOUT_MS = 2000

/** Workers whose last event is older than this are left out where they do not answer, ms. */
const RECORDED_MS = 3_600_000

interface Asked {
  readonly timeout: number
  readonly destination?: readonly string[]
  readonly limit?: number
}

type Recorded = Pick<WorkerDocument, 'seenAt' | 'software' | 'version'>
type Answer = Readonly<Record<string, unknown>>
type Answers = Readonly<Record<string, unknown>>

/** CPU time of a worker at a moment, both in ms. */
interface Spent {
  readonly cpu: number
  readonly at: number
}

const fleets = new WeakMap<App, LiveWorkers>()

/** The one of an app: what its APIs find out is shared. */
export function liveWorkers(app: App): LiveWorkers {
  const known = fleets.get(app) ?? new LiveWorkers(app)
  fleets.set(app, known)
  return known
}

/** The workers on the broker of an app, ours and Celery's. */
export class LiveWorkers {
  readonly #app: App
  readonly #control: Control
  readonly #all: Recent<readonly WorkerDocument[]>
  #spent: ReadonlyMap<string, Spent> = new Map()

  constructor(app: App) {
    this.#app = app
    this.#control = new Control(app)
    this.#all = new Recent(app.config.clock, KEPT_MS, async () => {
      const limit = await listenersOf(app)
      return this.#ask({ timeout: SILENCE_MS, ...(limit > 0 && { limit }) })
    })
  }

  /** Those that answer, by name. Rejects with StoreUnavailableError. */
  all(): Promise<readonly WorkerDocument[]> {
    return this.#all.get()
  }

  /** Undefined where none of this name answers. */
  async one(name: string): Promise<WorkerDocument | undefined> {
    const [worker] = await this.#ask({ timeout: ONE_TIMEOUT_MS, destination: [name] })
    return worker
  }

  /** A command has changed something. */
  changed(): void {
    this.#all.forget()
  }

  async #ask(options: Asked): Promise<readonly WorkerDocument[]> {
    const asked = this.#control.inspect(options)
    const [stats, active, reserved, queues, about] = (await Promise.all([
      asked.stats(),
      asked.active({ safe: true }),
      asked.reserved(),
      asked.activeQueues(),
      asked.about(),
    ])) as unknown as [Answers, Answers, Answers, Answers, Answers]
    const now = this.#app.config.clock.now()
    const recorded = await this.#recorded(now, options.destination)
    const spent = new Map(this.#spent)
    const answering = { ...stats, ...active, ...reserved, ...queues, ...about }
    const workers = [...new Set([...Object.keys(answering), ...recorded.keys()])]
      .toSorted()
      .map((name): WorkerDocument => {
        const figures = figuresOf(answerOf(stats[name]))
        const cpu = figures.cpuSeconds === undefined ? undefined : this.#cpuOf(name, figures.cpuSeconds, now, spent)
        return {
          name,
          answers: Object.hasOwn(answering, name),
          ...recorded.get(name),
          ...aboutOf(answerOf(about[name])),
          ...figures,
          ...(cpu !== undefined && { cpu }),
          ...(Array.isArray(queues[name]) && { queues: queuesOf(queues[name]) }),
          ...(Array.isArray(active[name]) && {
            running: active[name].filter(isRecord).map((one) => runningOf(one, now)),
          }),
          ...(Array.isArray(reserved[name]) && { reserved: reserved[name].length }),
        }
      })
    // Those that are gone are forgotten.
    this.#spent = options.destination ? spent : new Map([...spent].filter(([name]) => name in stats))
    return workers
  }

  /** What events say of workers that are not stopped, where a recorder is open. */
  async #recorded(now: number, names: readonly string[] | undefined): Promise<ReadonlyMap<string, Recorded>> {
    const { openRecorderOf } = await import('../../../recorder/recorder.ts')
    const all = (await openRecorderOf(this.#app)?.workers()) ?? []
    const some = all.filter(
      ({ name, seenAt, stoppedAt }) =>
        (names === undefined || names.includes(name)) && stoppedAt === undefined && now - seenAt < RECORDED_MS,
    )
    return new Map(
      some.map(({ name, seenAt, software, version }) => [
        name,
        { seenAt: new Date(seenAt).toISOString(), ...known({ software, version }) },
      ]),
    )
  }

  #cpuOf(name: string, seconds: number, at: number, spent: Map<string, Spent>): number | undefined {
    const before = spent.get(name)
    spent.set(name, { cpu: seconds * 1000, at })
    if (!before || at <= before.at || seconds * 1000 < before.cpu) return undefined
    return rounded((seconds * 1000 - before.cpu) / (at - before.at))
  }
}

/** Undefined for an error, and where there is none. */
function answerOf(answer: unknown): Answer | undefined {
  return isRecord(answer) && !('error' in answer) ? answer : undefined
}

/** Workers may answer anything: Celery's, others' versions, other programs. */
function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

/** Without what is undefined. */
function known<Fields extends object>(fields: Fields): { [Name in keyof Fields]?: Exclude<Fields[Name], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000
}

function aboutOf(about: Answer | undefined): Partial<WorkerDocument> {
  if (!about) return {}
  const { software, version, node, ready, quiet, reason, rss, loop } = about
  return known({
    software: textOf(software),
    version: textOf(version),
    node: textOf(node),
    ready: ready === true,
    quiet: quiet === true,
    reason: textOf(reason),
    rss: numberOf(rss),
    loop: numberOf(loop),
  })
}

function figuresOf(stats: Answer | undefined): Partial<WorkerDocument> {
  if (!stats) return {}
  const usage = isRecord(stats.rusage) ? stats.rusage : {}
  const [user, system, maxRss] = [numberOf(usage.utime), numberOf(usage.stime), numberOf(usage.maxrss)]
  const total = isRecord(stats.total)
    ? Object.entries(stats.total).filter(([, count]) => numberOf(count) !== undefined)
    : []
  const { max, min } = isRecord(stats.autoscaler) ? stats.autoscaler : {}
  return known({
    pid: numberOf(stats.pid),
    uptime: numberOf(stats.uptime),
    pool: isRecord(stats.pool) ? poolOf(stats.pool) : undefined,
    autoscale: typeof max === 'number' && typeof min === 'number' ? { min, max } : undefined,
    prefetch: numberOf(stats.prefetch_count),
    processed: total.reduce((sum, [, count]) => sum + (count as number), 0),
    tasks: Object.fromEntries(total) as Record<string, number>,
    cpuSeconds: user === undefined || system === undefined ? undefined : rounded(user + system),
    // getrusage counts in KiB.
    maxRss: maxRss === undefined ? undefined : maxRss * 1024,
  })
}

function poolOf(pool: Answer): WorkerPoolDocument {
  const { implementation, processes } = pool
  const kind = textOf(implementation)
  const pids = Array.isArray(processes) ? processes.filter((pid) => typeof pid === 'number') : undefined
  // Celery's prefork goes on to answer the number that it began with, however it has grown or shrunk.
  const isCelery = !kind?.startsWith('celeriac:')
  const size = isCelery && pids && pids.length > 0 ? pids.length : numberOf(pool['max-concurrency'])
  return known({ kind, size, pids })
}

function queuesOf(queues: readonly unknown[]): NonNullable<WorkerDocument['queues']> {
  return queues.filter(isRecord).flatMap(({ name, paused }) => {
    const text = textOf(name)
    return text === undefined ? [] : [{ name: text, ...(paused === true && { paused }) }]
  })
}

function runningOf(task: Answer, now: number): RunningTaskDocument {
  const start = numberOf(task.time_start)
  const { routing_key: queue } = isRecord(task.delivery_info) ? task.delivery_info : {}
  return {
    id: String(task.id),
    task: String(task.name ?? task.type),
    ...known({
      args: task.args === undefined ? undefined : String(task.args),
      kwargs: task.kwargs === undefined ? undefined : String(task.kwargs),
      startedAt: start === undefined ? undefined : new Date(start * 1000).toISOString(),
      age: start === undefined ? undefined : rounded(Math.max(0, now / 1000 - start)),
      queue: textOf(queue),
      pid: numberOf(task.worker_pid),
    }),
  }
}
