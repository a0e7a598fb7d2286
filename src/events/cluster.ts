import { type Event, isTaskEventType } from '../protocol/event.ts'
import { LogicalClock } from '../protocol/logicalClock.ts'
import type { Clock } from '../std/clock.ts'
import { isRecord } from '../std/isRecord.ts'
import { ClusterTask } from './clusterTask.ts'
import { ClusterWorker } from './clusterWorker.ts'
import { countIn, nameIn, timestampIn } from './limits.ts'

/** How much is kept. */
export interface ClusterLimits {
  readonly maxTasks: number
  readonly maxWorkers: number
  /** A task without an event for this long is forgotten, ms. */
  readonly maxAge: number
}

/** How many of the oldest are looked at for their age with each event: more than come with it. */
const AGED_PER_EVENT = 2

/**
 * The state of a cluster, folded from its events by the rules of `celery.events.state`: workers by host name, tasks by
 * id. Bounded by count and by age: what had no event for the longest time is forgotten first.
 */
export class Cluster {
  readonly #limits: ClusterLimits
  readonly #clock: Clock
  readonly #logicalClock = new LogicalClock()
  /** In the order of their last events. */
  readonly #tasks = new Map<string, ClusterTask>()
  readonly #workers = new Map<string, ClusterWorker>()
  #events = 0
  #refused = 0

  constructor(limits: ClusterLimits, clock: Clock) {
    this.#limits = limits
    this.#clock = clock
  }

  /** Tasks by id; the one with the last event comes last. */
  get tasks(): ReadonlyMap<string, ClusterTask> {
    return this.#tasks
  }

  /** Workers by host name, also those that are not alive any more; the one with the last event comes last. */
  get workers(): ReadonlyMap<string, ClusterWorker> {
    return this.#workers
  }

  /** How many events were folded. */
  get events(): number {
    return this.#events
  }

  /** How many were none: no object, without a type, an id or a time, or with a name that is too long. */
  get refused(): number {
    return this.#refused
  }

  /** The workers of which a heartbeat came within two of their intervals. */
  alive(): ClusterWorker[] {
    const now = this.#clock.now()
    return [...this.#workers.values()].filter((worker) => worker.isAlive(now))
  }

  /** Tasks of this state, or with this name, in Lamport's order: the newest first. */
  tasksBy({
    state,
    name,
  }: {
    readonly state?: string | undefined
    readonly name?: string | undefined
  } = {}): ClusterTask[] {
    const found = [...this.#tasks.values()].filter(
      (task) => (state === undefined || task.state === state) && (name === undefined || task.name === name),
    )
    return found.sort((a, b) => b.clock - a.clock || (b.timestamp ?? 0) - (a.timestamp ?? 0))
  }

  /** How many tasks there are of each state. */
  counts(): Readonly<Record<string, number>> {
    const counts: Record<string, number> = Object.create(null)
    for (const { state } of this.#tasks.values()) counts[state] = (counts[state] ?? 0) + 1
    return counts
  }

  /** Fold one event, whatever it is. Returns it with its clock, or undefined for what is no event. Never throws. */
  fold(value: unknown): Event | undefined {
    const event = this.#eventIn(value)
    if (!event) {
      this.#refused++
      return undefined
    }
    this.#events++
    const now = this.#clock.now()
    if (event.type.startsWith('worker-')) this.#foldWorker(event, now)
    else if (event.uuid !== undefined) this.#foldTask(event.uuid, event, now)
    this.#forgetAged(now)
    return event
  }

  #eventIn(value: unknown): Event | undefined {
    if (!isRecord(value)) return undefined
    const type = nameIn(value.type)
    const hostname = nameIn(value.hostname)
    const timestamp = timestampIn(value.timestamp)
    if (type === undefined || hostname === undefined || timestamp === undefined) return undefined
    const isOfTask = type.startsWith('task-')
    const uuid = nameIn(value.uuid)
    if (isOfTask && (uuid === undefined || !isTaskEventType(type))) return undefined
    const pid = countIn(value.pid)
    // The clock of a caller is not that of the cluster.
    const clock = type === 'task-sent' ? this.#logicalClock.value : countIn(value.clock)
    if (type !== 'task-sent') this.#logicalClock.adjust(clock)
    // Also over what is of a wrong type.
    return { ...value, type, hostname, timestamp, uuid, pid, clock } as Event
  }

  #foldWorker(event: Event, now: number): void {
    const { hostname } = event
    const isEnd = event.type === 'worker-offline'
    if (isEnd && !this.#workers.has(hostname)) return
    const worker = this.#worker(hostname)
    worker.update(event)
    if (isEnd) worker.end()
    else worker.see(now)
  }

  #foldTask(uuid: string, event: Event, now: number): void {
    const task = this.#tasks.get(uuid) ?? new ClusterTask(uuid)
    this.#tasks.delete(uuid)
    this.#tasks.set(uuid, task)
    if (event.type === 'task-sent') task.client = event.hostname
    else {
      this.#worker(event.hostname).see(now)
      task.worker = event.hostname
    }
    task.update(event.type.slice('task-'.length), event)
    task.seen = now
    if (this.#tasks.size > this.#limits.maxTasks) dropFirst(this.#tasks)
  }

  #worker(hostname: string): ClusterWorker {
    const worker = this.#workers.get(hostname) ?? new ClusterWorker(hostname)
    this.#workers.delete(hostname)
    this.#workers.set(hostname, worker)
    if (this.#workers.size > this.#limits.maxWorkers) dropFirst(this.#workers)
    return worker
  }

  #forgetAged(now: number): void {
    let left = AGED_PER_EVENT
    for (const [uuid, { seen }] of this.#tasks) {
      if (left-- === 0 || now - seen <= this.#limits.maxAge) return
      this.#tasks.delete(uuid)
    }
  }
}

function dropFirst(map: Map<string, unknown>): void {
  const [first] = map.keys()
  if (first !== undefined) map.delete(first)
}
