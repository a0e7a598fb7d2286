import { loadavg, release, type } from 'node:os'
import type { Signals } from '../app/signals.ts'
import type { TaskMessage } from '../protocol/message.ts'
import type { Outcome } from '../protocol/outcome.ts'
import type { Concealed } from '../protocol/repr.ts'
import type { Emitter } from '../std/emitter.ts'
import { version } from '../std/version.ts'
import { type DispatcherParts, EventDispatcher } from './dispatcher.ts'
import { breakerEvent, callFields, retriedFields, TASK_EVENTS, type TaskEventRow } from './taskFields.ts'

/** A worker, as its events describe it. */
export interface SourceParts extends DispatcherParts {
  readonly signals: Pick<Emitter<Signals>, 'on'>
  /** How many tasks run. */
  active(): number
  /** How many runs have begun. */
  processed(): number
}

/** What a requested heartbeat gives as its interval, s: as Celery, for a receiver that has just started. */
const REQUESTED_FREQUENCY_S = 5

/** A retry sooner than this may overtake events that are still gathered, ms. */
const SOON_MS = 1000

/** Sends the events of one worker: that it is there, and what becomes of its tasks. */
export class WorkerEventSource {
  readonly #parts: SourceParts
  readonly #dispatcher: EventDispatcher
  #ends: (() => void)[] = []
  /** Interval of its heartbeats, ms; undefined: there are none. */
  #interval: number | undefined
  #stopTimer: (() => void) | undefined

  constructor(parts: SourceParts) {
    this.#parts = parts
    this.#dispatcher = new EventDispatcher(parts)
  }

  /** Send the events of tasks. */
  enable(): void {
    if (this.#ends.length > 0) return
    const names = Object.keys(TASK_EVENTS) as (keyof typeof TASK_EVENTS)[]
    this.#ends = [...names.map((name) => this.#listen(name)), this.#listenToBreakers()]
  }

  disable(): void {
    for (const end of this.#ends.splice(0)) end()
  }

  /** A task has come: its signal does not have the arguments. Celery's event has no queue; its receivers keep it. */
  received(message: TaskMessage, queue: string): void {
    if (this.#ends.length > 0) this.#dispatcher.send('task-received', { ...callFields(message), queue })
  }

  /**
   * A task will be tried again. To be called before its message can come back, which may be at once and to another
   * worker: in Celery's receivers a late RETRY hides what came before it.
   */
  retried(uuid: string, outcome: Outcome & { kind: 'retry' | 'snooze' }, concealed: Concealed | undefined): void {
    if (this.#ends.length === 0) return
    this.#dispatcher.send('task-retried', { ...retriedFields(outcome, concealed), uuid })
    if (outcome.delay < SOON_MS) this.#dispatcher.flush()
  }

  /** An event that a task sends itself, whether the others are sent or not. */
  custom(type: string, uuid: string, fields: Readonly<Record<string, unknown>>): void {
    this.#dispatcher.send(type, { ...fields, uuid })
  }

  /** Heartbeats from now on, each `interval` ms. Without effect where there are some. */
  begin(interval: number): void {
    if (this.#interval !== undefined) return
    this.#interval = interval
    this.#beat('worker-online', interval / 1000)
    this.#wait(interval)
  }

  /** One heartbeat out of turn. */
  heartbeat(): void {
    this.#beat('worker-heartbeat', REQUESTED_FREQUENCY_S)
  }

  async stop(): Promise<void> {
    this.disable()
    this.#stopTimer?.()
    if (this.#interval !== undefined) this.#beat('worker-offline', this.#interval / 1000)
    await this.#dispatcher.close()
  }

  #wait(interval: number): void {
    const beat = (): void => {
      this.#beat('worker-heartbeat', interval / 1000)
      this.#wait(interval)
    }
    this.#stopTimer = this.#parts.clock.after(interval, beat, true)
  }

  #beat(event: string, freq: number): void {
    const [active, processed] = [this.#parts.active(), this.#parts.processed()]
    const load = loadavg().map((value) => Math.round(value * 100) / 100)
    const software = { sw_ident: 'celeriac', sw_ver: version(), sw_sys: `${type()} ${release()}` }
    this.#dispatcher.send(event, { freq, active, processed, loadavg: load, ...software })
  }

  #listenToBreakers(): () => void {
    return this.#parts.signals.on('limit:breaker', (change) => {
      if (change.hostname !== this.#parts.hostname) return
      const { type: name, fields } = breakerEvent(change)
      this.#dispatcher.send(name, fields)
    })
  }

  #listen<Name extends keyof Signals>(name: Name): () => void {
    const row = TASK_EVENTS[name] as TaskEventRow<Signals[Name]>
    const { hostname } = this.#parts
    return this.#parts.signals.on(name, (event) => {
      const { id, hostname: worker } = event as { id: string; hostname?: string }
      // Several workers of one process may share the signals of an app.
      if (worker === hostname) this.#dispatcher.send(row.type, { ...row.fields(event), uuid: id })
    })
  }
}
