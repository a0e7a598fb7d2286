import type { App } from '../app/app.ts'
import { internalsOf } from '../app/internals.ts'
import type { ResultBackend } from '../backend/backend.ts'
import type { AsyncResult } from '../calls/asyncResult.ts'
import type { CallOptions } from '../config/callOptions.ts'
import { PENDING } from '../protocol/states.ts'
import type { Clock } from '../std/clock.ts'
import { CodecError } from '../std/errors.ts'
import { isStoreAway } from '../std/thrown.ts'
import type { ScheduleStore, StoredRun } from '../stores/scheduleStore.ts'
import { type CallArgs, type Run, readRun, type ScheduledOptions } from './entry.ts'

/**
 * Header of each call that a schedule made: the entry's name, as in Celery's django-celery-beat and
 * django-celery-results.
 */
const NAME_HEADER = 'periodic_task_name'
/** Our header: the moment by the schedule, ISO 8601. */
export const TIME_HEADER = 'celeriac_schedule_time'

/** How long the note that a run was sent is kept, ms: far longer than the lease of a beat that died. */
const SENT_RUN_LIFETIME_MS = 86_400_000

/**
 * Sends claimed runs. A run's task id is made of entry and moment, and its call is one that is sent only where that id
 * is unknown: so a beat that sends it again, after another died between the sending and the record of it, sends
 * nothing.
 */
export class Sender {
  readonly #app: App
  readonly #store: ScheduleStore
  readonly #clock: Clock
  #known: Place | undefined

  constructor(app: App, store: ScheduleStore, clock: Clock) {
    this.#app = app
    this.#store = store
    this.#clock = clock
  }

  /**
   * Send these, and forget those that were sent. False: the store could not take all; the rest is sent again when its
   * lease is over.
   */
  async send(runs: readonly Run[]): Promise<boolean> {
    const over = await Promise.all(runs.map((run) => this.#sendOne(run, false)))
    await this.#store.endRuns(runs.filter((_, at) => over[at]).map(({ id }) => id))
    return !over.includes(false)
  }

  /** The same for runs that another beat, or this one, has claimed and not sent in time. */
  async sendAgain(stored: readonly StoredRun[]): Promise<void> {
    const over = await Promise.all(stored.map((one) => this.#sendStored(one)))
    await this.#store.endRuns(stored.filter((_, at) => over[at]).map(({ id }) => id))
  }

  async #sendStored(stored: StoredRun): Promise<boolean> {
    try {
      return await this.#sendOne(readRun(stored), true)
    } catch (error) {
      this.#app.signals.emit('beat:error', { error, doing: 'a claimed run cannot be read' })
      // A beat that has its key sends it.
      return !(error instanceof CodecError)
    }
  }

  /** True when nothing remains to be done: it was sent, or never can be. */
  async #sendOne(run: Run, again: boolean): Promise<boolean> {
    try {
      if (run.cancels !== null) await this.#app.result(run.cancels).revoke({ terminate: true })
      const { id } = await callRun(this.#app, run, await this.#guard(run, await this.#place(), again))
      const { entry, task, fire, due } = run
      this.#app.signals.emit('beat:sent', {
        entry,
        task,
        id,
        fire: new Date(fire),
        late: this.#clock.now() - due,
        again,
      })
      return true
    } catch (error) {
      this.#app.signals.emit('beat:error', { error, doing: `schedule ${run.entry}: its run of ${iso(run.fire)}` })
      return !isStoreAway(error)
    }
  }

  /** Read once: repeated for each of a thousand runs it would cost time. */
  #place(): Place | Promise<Place> {
    return this.#known ?? this.#look()
  }

  async #look(): Promise<Place> {
    const { backend, unitOfWork } = await internalsOf(this.#app).stores()
    this.#known = {
      backend,
      callerOnly: backend.callerOnly === true,
      atomic: unitOfWork.atomic,
    }
    return this.#known
  }

  /**
   * What makes it the same call for a beat that sends it again: its record, where record and message are one write;
   * else a note, where the result backend keeps notes. On two stores without notes a PENDING record means only that the
   * run was about to be sent: it is sent again, by the same id, which may run twice and is not lost.
   */
  async #guard(
    { id, key, task, options }: Run,
    { backend, callerOnly, atomic }: Place,
    again: boolean,
  ): Promise<CallOptions> {
    if (callerOnly) return { taskId: id, ignoreResult: true }
    const ignored = ignores(this.#app, task, options)
    if (!ignored && atomic) return { idempotencyKey: key }
    if (backend.notes)
      return {
        taskId: id,
        note: { key: `schedule ${key}`, value: id, expires: this.#app.config.clock.now() + SENT_RUN_LIFETIME_MS },
      }
    if (ignored) return { taskId: id }
    const [known] = again ? await backend.load([id]) : []
    return !again || (known && known.status !== PENDING) ? { idempotencyKey: key } : { taskId: id }
  }
}

/** What the stores of an app can do. */
interface Place {
  readonly backend: ResultBackend
  /** Only the process that submitted a task reads its record. */
  readonly callerOnly: boolean
  /** Broker and backend are one store. */
  readonly atomic: boolean
}

/** The calls of this entry keep no record. */
export function ignores(app: App, task: string, { ignoreResult }: ScheduledOptions): boolean {
  return ignoreResult ?? app.tasks.get(task)?.definition.options.ignoreResult ?? app.config.ignoreResult
}

/** Make the call of an entry. */
export async function callRun(
  app: App,
  {
    entry,
    fire,
    task,
    args,
    options,
  }: { entry: string; fire: number; task: string; args: CallArgs; options: ScheduledOptions },
  more: CallOptions = {},
): Promise<AsyncResult> {
  const headers = { ...options.headers, [NAME_HEADER]: entry, [TIME_HEADER]: iso(fire) }
  return app.send(task, args, { ...options, headers, ...more })
}

function iso(moment: number): string {
  return new Date(moment).toISOString()
}
