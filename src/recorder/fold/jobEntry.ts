import { ClusterTask } from '../../events/clusterTask.ts'
import type { Event } from '../../protocol/event.ts'
import { FAILURE, isFinal, SUCCESS } from '../../protocol/states.ts'
import { fingerprintOf } from './fingerprint.ts'

/** Steps in the row of a job; more go to rows of their own, so that a job with many is not written again with each. */
export const STEPS_PER_CHUNK = 32
/** Chunks that are kept of a job: 1000 steps and some. */
export const MAX_CHUNKS = 32
const MAX_STEP_TEXT = 200
/** An id that is older was not made for its call, ms. */
const MAX_WAIT_MS = 30 * 24 * 3600 * 1000
const MAX_TAGS = 100

/** Type, moment (s), sender, logical clock, run time (ms), exception, retries. */
export type StepRow = readonly [string, number, string, number, number?, (string | null)?, (number | null)?]

/** Submission metadata of a job. */
export interface Description {
  readonly owner?: string | undefined
  readonly tags?: readonly string[] | undefined
}

/** A job as it is in the file: what its events say, and what is made of them. */
export class JobEntry {
  readonly seq: number
  readonly task: ClusterTask
  /** ms */
  firstAt: number = Number.POSITIVE_INFINITY
  changedAt = 0
  firstStart: number | undefined
  runtime: number | undefined
  fingerprint: string | undefined
  owner: string | undefined
  tags: readonly string[] = []
  isDescribed = false
  steps: StepRow[] = []
  chunks = 0
  /** Chunks that are full, and not yet written. */
  full: StepRow[][] = []
  isNew = false
  isChanged = false

  constructor(seq: number, id: string) {
    this.seq = seq
    this.task = new ClusterTask(id)
  }

  get endedAt(): number | undefined {
    const { state, timestamp } = this.task
    return isFinal(state) && timestamp !== undefined ? timestamp * 1000 : undefined
  }

  /** True for an event that came before. `older`: reads the steps of a chunk. */
  has(event: Event, older: (chunk: number) => readonly StepRow[]): boolean {
    const clock = clockOf(event)
    const isSame = ([type, at, worker, other]: StepRow): boolean =>
      at === event.timestamp && type === event.type && worker === event.hostname && other === clock
    if (this.steps.some(isSame) || this.full.some((steps) => steps.some(isSame))) return true
    // Most come in their order: then no chunk can have it.
    const written = this.chunks - this.full.length
    if (written === 0 || event.timestamp * 1000 > this.changedAt) return false
    for (let chunk = written - 1; chunk >= 0 && chunk >= written - MAX_CHUNKS; chunk--)
      if (older(chunk).some(isSame)) return true
    return false
  }

  /** Fold an event that is new. Returns how long the job waited, or ran, where this event says so, ms. */
  fold(event: Event): { wait?: number | undefined; run?: number | undefined } {
    const { task } = this
    const kind = event.type.slice('task-'.length)
    const at = event.timestamp * 1000
    const began = task.times.started
    task.update(kind, event)
    if (event.type === 'task-sent') task.client = event.hostname
    else task.worker = event.hostname
    this.firstAt = Math.min(this.firstAt, at)
    this.changedAt = Math.max(this.changedAt, at)
    this.isChanged = true
    const times = this.#times(kind, at, began)
    if (kind === 'failed') this.#failed(task.exception)
    if (task.state === SUCCESS) this.fingerprint = undefined
    this.#step(event, times.run)
    return times
  }

  describe({ owner, tags = [] }: Description): void {
    this.owner = owner
    this.tags = tags.slice(0, MAX_TAGS)
    this.isDescribed = true
    this.isChanged = true
  }

  #times(kind: string, at: number, began: number | undefined): { wait?: number | undefined; run?: number | undefined } {
    if (kind === 'started') {
      const isFirst = this.firstStart === undefined
      this.firstStart = Math.min(this.firstStart ?? at, at)
      return isFirst ? { wait: waitOf(this.task.uuid, this.firstAt, at) } : {}
    }
    if (kind !== 'succeeded' && kind !== 'failed' && kind !== 'retried') return {}
    const { runtime } = this.task
    const run = kind === 'succeeded' && runtime !== undefined ? runtime * 1000 : sinceStart(at, began)
    if (run !== undefined) this.runtime = run
    return { run }
  }

  #failed(exception: string | undefined): void {
    if (this.task.state === FAILURE)
      this.fingerprint = fingerprintOf(this.task.name ?? '', exception ?? 'Error()').fingerprint
  }

  #step(event: Event, run: number | undefined): void {
    const { exception, retries } = event
    const text = typeof exception === 'string' ? exception.slice(0, MAX_STEP_TEXT) : undefined
    const count = typeof retries === 'number' ? retries : undefined
    const head = [event.type, event.timestamp, event.hostname, clockOf(event)] as const
    if (count !== undefined) this.steps.push([...head, run ?? -1, text ?? null, count])
    else if (text !== undefined) this.steps.push([...head, run ?? -1, text])
    else this.steps.push(run === undefined ? head : [...head, run])
    if (this.steps.length < STEPS_PER_CHUNK) return
    this.full.push(this.steps)
    this.steps = []
    this.chunks++
  }
}

/** From the first that is known of a job to its start, ms. Ids of version 7, as ours, have the moment of the call. */
export function waitOf(id: string, firstAt: number, start: number): number {
  const called = id[14] === '7' ? Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16) : Number.NaN
  const isCall = called <= firstAt && called > firstAt - MAX_WAIT_MS
  return Math.max(0, start - (isCall ? called : firstAt))
}

/** The clock of `task-sent` is the receiver's, so two recorders do not see the same. */
function clockOf(event: Event): number {
  return event.type === 'task-sent' ? 0 : (event.clock ?? 0)
}

function sinceStart(at: number, began: number | undefined): number | undefined {
  return began === undefined ? undefined : Math.max(0, at - began * 1000)
}
