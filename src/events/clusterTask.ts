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

/** What `task-received` says stays, also where it comes late. */
const OF_CALL = ['name', 'args', 'kwargs', 'rootId', 'parentId', 'retries', 'eta', 'expires'] as const

const MAX_TEXT_LENGTH = 2 * MAX_REPR_LENGTH
const MAX_TRACEBACK_LENGTH = 8192
const MAX_RUNTIME_S = 1e9

/** What is known of a task from one event. */
interface TaskFacts {
  name?: string | undefined
  args?: string | undefined
  kwargs?: string | undefined
  rootId?: string | undefined
  parentId?: string | undefined
  retries?: number | undefined
  eta?: string | undefined
  expires?: string | undefined
  result?: string | undefined
  runtime?: number | undefined
  exception?: string | undefined
  traceback?: string | undefined
  queue?: string | undefined
}

/** A task, as the events tell of it; values as Python would print them, times in seconds since the epoch. */
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
    const facts = factsIn(event)
    const isLate = state !== RETRY && this.state !== RETRY && precedenceOf(state) > precedenceOf(this.state)
    if (!isLate) {
      this.state = state
      this.timestamp = event.timestamp
    } else if (state === RECEIVED) {
      for (const name of OF_CALL) this.#know(name, facts)
      return
    }
    for (const name of Object.keys(facts) as (keyof TaskFacts)[]) this.#know(name, facts)
    this.clock = event.clock ?? this.clock
  }

  #know<Name extends keyof TaskFacts>(name: Name, facts: TaskFacts): void {
    if (facts[name] !== undefined) (this as TaskFacts)[name] = facts[name]
  }
}

function precedenceOf(state: string): number {
  return PRECEDENCE[state] ?? CUSTOM
}

/** The fields that are kept, as far as they are of the right type. */
function factsIn(event: Event): TaskFacts {
  const short = (value: unknown): string | undefined => textIn(value, MAX_TEXT_LENGTH)
  return {
    name: nameIn(event.name),
    args: short(event.args),
    kwargs: short(event.kwargs),
    rootId: nameIn(event.root_id),
    parentId: nameIn(event.parent_id),
    retries: countIn(event.retries),
    eta: short(event.eta),
    expires: short(event.expires),
    result: short(event.result),
    runtime: numberIn(event.runtime, 0, MAX_RUNTIME_S),
    exception: short(event.exception),
    traceback: textIn(event.traceback, MAX_TRACEBACK_LENGTH),
    queue: nameIn(event.queue),
  }
}
