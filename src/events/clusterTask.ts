import type { Event } from '../protocol/event.ts'
import { MAX_REPR_LENGTH } from '../protocol/repr.ts'
import { FAILURE, PENDING, RECEIVED, RETRY, REVOKED, STARTED, SUCCESS } from '../protocol/states.ts'
import { countIn, nameIn, numberIn, textIn } from './limits.ts'

/** A message was returned to its queue, or dropped. Only events have this state. */
const REJECTED = 'REJECTED'

/** The state that each of Celery's events means; any other means its own name in capital letters. */
const STATES: Readonly<Record<string, string>> = {
  sent: PENDING,
  received: RECEIVED,
  started: STARTED,
  failed: FAILURE,
  retried: RETRY,
  succeeded: SUCCESS,
  revoked: REVOKED,
  rejected: REJECTED,
}

/** Celery's precedence of states; 0 is the highest. A state of a task's own has that of `CUSTOM`. */
const PRECEDENCE: Readonly<Record<string, number>> = {
  [SUCCESS]: 0,
  [FAILURE]: 1,
  [REVOKED]: 3,
  [STARTED]: 4,
  [RECEIVED]: 5,
  [REJECTED]: 6,
  [RETRY]: 7,
  [PENDING]: 8,
}
const CUSTOM = 2

const MAX_TEXT_LENGTH = 2 * MAX_REPR_LENGTH
const MAX_TRACEBACK_LENGTH = 8192
const MAX_RUNTIME_S = 1e9

/** What is known of a task from its events. */
interface TaskFacts {
  name: string | undefined
  args: string | undefined
  kwargs: string | undefined
  rootId: string | undefined
  parentId: string | undefined
  retries: number | undefined
  eta: string | undefined
  expires: string | undefined
  result: string | undefined
  runtime: number | undefined
  exception: string | undefined
  traceback: string | undefined
  queue: string | undefined
}

/** How a field of an event is read. `ofCall`: where `task-received` comes late, this alone is taken from it. */
interface FieldRow<Value> {
  readonly field: string
  readonly read: (value: unknown) => Value | undefined
  readonly ofCall?: true
}

const short = (value: unknown): string | undefined => textIn(value, MAX_TEXT_LENGTH)

const FIELDS: { readonly [Name in keyof TaskFacts]: FieldRow<NonNullable<TaskFacts[Name]>> } = {
  name: { field: 'name', read: nameIn, ofCall: true },
  args: { field: 'args', read: short, ofCall: true },
  kwargs: { field: 'kwargs', read: short, ofCall: true },
  rootId: { field: 'root_id', read: nameIn, ofCall: true },
  parentId: { field: 'parent_id', read: nameIn, ofCall: true },
  retries: { field: 'retries', read: countIn, ofCall: true },
  eta: { field: 'eta', read: short, ofCall: true },
  expires: { field: 'expires', read: short, ofCall: true },
  result: { field: 'result', read: short },
  runtime: { field: 'runtime', read: (value) => numberIn(value, 0, MAX_RUNTIME_S) },
  exception: { field: 'exception', read: short },
  traceback: { field: 'traceback', read: (value) => textIn(value, MAX_TRACEBACK_LENGTH) },
  queue: { field: 'queue', read: nameIn },
}
const NAMES = Object.keys(FIELDS) as (keyof TaskFacts)[]

/** A task, as its events describe it; values as Python would print them, times in seconds since the epoch. */
export class ClusterTask implements TaskFacts {
  readonly uuid: string
  /** Celery's, or the name of an event of the task's own in capital letters. */
  state: string = PENDING
  name: string | undefined
  args: string | undefined
  kwargs: string | undefined
  rootId: string | undefined
  parentId: string | undefined
  retries: number | undefined
  eta: string | undefined
  expires: string | undefined
  result: string | undefined
  /** s */
  runtime: number | undefined
  exception: string | undefined
  traceback: string | undefined
  queue: string | undefined
  /** Host name of the worker that sent its last event. */
  worker: string | undefined
  /** Who called it, where that sends events. */
  client: string | undefined
  /** When it came into its state. */
  timestamp: number | undefined
  /** Lamport's clock of its last event. */
  clock = 0
  /** When each of these was last the case, by the clock of its sender. */
  readonly times: Record<string, number> = {}
  /** When its last event came, ms since the epoch, by the clock here. */
  seen = 0

  constructor(uuid: string) {
    this.uuid = uuid
  }

  /** An event of this task, `task-` left out of its type. A late one changes what it knows, and not the state. */
  update(kind: string, event: Event): void {
    const known = Object.hasOwn(STATES, kind)
    const state = known ? (STATES[kind] as string) : kind.toUpperCase()
    if (known) this.times[kind] = event.timestamp
    const isLate = state !== RETRY && this.state !== RETRY && precedenceOf(state) > precedenceOf(this.state)
    if (!isLate) {
      this.state = state
      this.timestamp = event.timestamp
    }
    const ofCall = isLate && state === RECEIVED
    for (const name of NAMES) if (!ofCall || FIELDS[name].ofCall) know(this, name, event)
    if (!ofCall) this.clock = event.clock ?? this.clock
  }
}

/** What is of a wrong type is left as it was; null is nothing. */
function know<Name extends keyof TaskFacts>(facts: TaskFacts, name: Name, event: Event): void {
  const { field, read } = FIELDS[name] as FieldRow<NonNullable<TaskFacts[Name]>>
  const value = event[field]
  if (value === undefined) return
  if (value === null) facts[name] = undefined as TaskFacts[Name]
  else facts[name] = read(value) ?? facts[name]
}

function precedenceOf(state: string): number {
  return PRECEDENCE[state] ?? CUSTOM
}
