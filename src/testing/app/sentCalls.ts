import type { App } from '../../app/app.ts'
import type { Route } from '../../broker/broker.ts'
import type { Prepared } from '../../calls/prepareCall.ts'
import type { CallOptions } from '../../config/callOptions.ts'
import { calledTask, type Envelope } from '../../protocol/envelope.ts'
import { decodeTask, type TaskMessage } from '../../protocol/message.ts'
import type { TaskMeta } from '../../protocol/result.ts'
import { ALL_CONTENT_TYPES } from '../../protocol/serializer.ts'
import { FAILURE, PENDING, RETRY, REVOKED, SNOOZED, SUCCESS } from '../../protocol/states.ts'

/** One call of a task, as `TestApp.sent` lists it. */
export interface SentCall<Args extends readonly unknown[] = readonly unknown[]> {
  readonly id: string
  /** The task's name. */
  readonly task: string
  /** As they were given: for a task with an input, the one input object. */
  readonly args: Args
  /** Arguments by name of a task with positional arguments; empty where there are none. */
  readonly kwargs: Readonly<Record<string, unknown>>
  /** As they were given; empty for a call that follows from the end of another task. */
  readonly options: CallOptions
  /** Of the message: those of the caller, and celeriac's own. */
  readonly headers: Readonly<Record<string, unknown>>
  readonly queue: string
  /** Now. Of a call without a record (`ignoreResult`): PENDING, RETRY, SUCCESS, FAILURE or REVOKED. */
  readonly state: string
}

interface Noted {
  readonly task: unknown
  readonly envelope: Envelope
  readonly queue: string
  readonly prepared: Prepared | undefined
}

/** All calls that were sent, by id, the first first; a retry is the same call. */
export class SentCalls {
  readonly #app: App
  readonly #calls = new Map<string, Noted>()
  readonly #states = new Map<string, string>()
  readonly #recorded = new Set<string>()

  constructor(app: App) {
    this.#app = app
  }

  /** The store has this message. */
  published(envelope: Envelope, { routingKey: queue }: Route): void {
    const id = calledTask(envelope)
    if (id === undefined || this.#calls.has(id)) return
    this.#calls.set(id, { task: envelope.headers.task, envelope, queue, prepared: undefined })
  }

  /** The app sent this call: what its caller gave is known. */
  sent(prepared: Prepared): void {
    const known = this.#calls.get(prepared.id)
    if (known) this.#calls.set(prepared.id, { ...known, prepared })
  }

  /** The store has this record. */
  stored({ task_id: id, status }: TaskMeta): void {
    this.#recorded.add(id)
    this.#states.set(id, status)
  }

  /** Notes the ends of calls without records; the returned function ends that. */
  listen(): () => void {
    const { signals } = this.#app
    const note = (state: string) => {
      return ({ id }: { readonly id: string }): void => {
        if (!this.#recorded.has(id)) this.#states.set(id, state)
      }
    }
    const ends = [
      signals.on('task:success', note(SUCCESS)),
      signals.on('task:failure', note(FAILURE)),
      signals.on('task:rejected', note(FAILURE)),
      signals.on('task:retry', note(RETRY)),
      signals.on('task:snoozed', note(SNOOZED)),
      signals.on('task:revoked', note(REVOKED)),
    ]
    return () => {
      for (const end of ends) end()
    }
  }

  /** The calls of a task, the first first. */
  of(task: string): SentCall[] {
    return [...this.#calls].filter(([, call]) => call.task === task).map(([id, call]) => this.#view(id, task, call))
  }

  #view(id: string, task: string, { envelope, queue, prepared }: Noted): SentCall {
    const message: TaskMessage = prepared?.message ?? decodeTask(envelope, ALL_CONTENT_TYPES)
    const isInput = this.#app.tasks.get(task)?.definition.style === 'object' && message.args.length === 0
    return {
      id,
      task,
      args: isInput ? [message.kwargs] : message.args,
      kwargs: isInput ? {} : message.kwargs,
      options: prepared?.options ?? {},
      headers: message.headers,
      queue,
      state: this.#states.get(id) ?? PENDING,
    }
  }
}
