import type { Signals } from '../app/signals.ts'
import type { TaskMessage } from '../protocol/message.ts'
import type { ErrorInfo, Outcome } from '../protocol/outcome.ts'
import {
  type Concealed,
  concealed,
  concealedError,
  HIDDEN,
  MAX_REPR_LENGTH,
  pythonRepr,
  reprArgs,
  reprKwargs,
} from '../protocol/repr.ts'

/* The fields of Celery's task events (celery-wire §5.1), beside those that every event has. Times in seconds. */

/** Longest traceback, in characters: its beginning has the error, and where it was thrown. */
const MAX_TRACEBACK_LENGTH = 8192

type Fields = Readonly<Record<string, unknown>>

/** A signal as an event. */
export interface TaskEventRow<Signal> {
  readonly type: string
  fields(event: Signal): Fields
}

/** Which signals are events, and of which fields. `task-retried` is none of them: see `retriedFields`. */
export const TASK_EVENTS: { readonly [Name in keyof Signals]?: TaskEventRow<Signals[Name]> } = {
  'task:prerun': { type: 'task-started', fields: () => ({}) },
  'task:success': {
    type: 'task-succeeded',
    fields: ({ result, runtime, concealed: what }) => ({
      result: what === 'all' ? HIDDEN : shown(concealed(result, what)),
      runtime: runtime / 1000,
    }),
  },
  'task:failure': { type: 'task-failed', fields: ({ error, concealed: what }) => errorFields(error, what) },
  'task:unknown': {
    type: 'task-failed',
    fields: ({ task }) => ({ exception: `NotRegistered(${pythonRepr(task)})`, traceback: null }),
  },
  'task:rejected': { type: 'task-rejected', fields: ({ requeue }) => ({ requeue }) },
  'task:returned': { type: 'task-rejected', fields: () => ({ requeue: true }) },
  'task:revoked': {
    type: 'task-revoked',
    fields: ({ reason }) => ({
      terminated: reason === 'terminated',
      signum: reason === 'terminated' ? 'SIGTERM' : null,
      expired: reason === 'expired',
    }),
  },
}

/** `worker-breaker-opened` and `worker-breaker-closed`: Celery has no such events, and its receivers ignore them. */
export function breakerEvent({ rule, key, state, until }: Signals['limit:breaker']): { type: string; fields: Fields } {
  const fields = { limit: rule, key, until: until === undefined ? null : until / 1000 }
  return { type: state === 'open' ? 'worker-breaker-opened' : 'worker-breaker-closed', fields }
}

/** Of `task-retried`. A snoozed task is one that is retried: Celery knows no other. */
export function retriedFields(outcome: Outcome & { kind: 'retry' | 'snooze' }, what?: Concealed): Fields {
  if (outcome.kind === 'retry') return errorFields(outcome.error, what)
  return { exception: `Snooze('for ${outcome.delay / 1000} s')`, traceback: null }
}

/** What a message says of its task: of `task-received` and of `task-sent`. */
export function callFields(message: TaskMessage): Fields {
  const { id, task, args, kwargs, argsrepr, kwargsrepr, rootId, parentId, retries, eta, expires } = message
  return {
    uuid: id,
    name: task,
    args: argsrepr ?? reprArgs(args),
    kwargs: kwargsrepr ?? reprKwargs(kwargs),
    root_id: rootId,
    parent_id: parentId ?? null,
    retries,
    eta: eta ?? null,
    expires: expires ?? null,
  }
}

function errorFields(error: ErrorInfo, what: Concealed | undefined): Fields {
  const { type, pythonType = type, message, args = [message], traceback } = concealedError(error, what)
  const inner = args.map((arg) => shown(arg)).join(', ')
  return {
    exception: `${pythonType}(${inner})`.slice(0, MAX_REPR_LENGTH),
    traceback: traceback?.slice(0, MAX_TRACEBACK_LENGTH) ?? null,
  }
}

/** A result that is not stored (`ignoreResult`) may be anything. */
function shown(value: unknown): string {
  try {
    return pythonRepr(value)
  } catch {
    return '<unprintable>'
  }
}
