import { type Control, type ControlOptions, type ControlReply, MAX_SLOTS } from '../../../control/control.ts'
import type { JsonSchema } from '../../../std/jsonSchema.ts'
import type { Role } from '../../access/roles.ts'

/** What a worker may be asked to do, each as `POST /workers/{name}/{action}`. */
export type WorkerAction =
  | 'quiet'
  | 'resume'
  | 'shutdown'
  | 'pool-grow'
  | 'pool-shrink'
  | 'pool-restart'
  | 'autoscale'
  | 'add-consumer'
  | 'cancel-consumer'
  | 'rate-limit'
  | 'time-limit'
  | 'enable-events'
  | 'disable-events'
  | 'heartbeat'

/** The members of a body, checked by name; `Control` checks what they are. */
type Given = Readonly<Record<string, unknown>>

/** One of them. */
export interface ActionFacts {
  readonly role: Role
  readonly doc: string
  /** Members of the body by name; those of `required` have to be there. */
  readonly members: Readonly<Record<string, JsonSchema>>
  readonly required: readonly string[]
  /** Resolves with what the worker answered; undefined where it answers nothing. */
  run(control: Control, given: Given, options: ControlOptions): Promise<readonly ControlReply[] | undefined>
}

const COUNT = { type: 'integer', minimum: 1, maximum: MAX_SLOTS }
const TEXT = { type: 'string', minLength: 1 }
const NOTHING = { members: {}, required: [] } as const
const SLOTS = {
  members: { count: { ...COUNT, default: 1, description: 'How many.' } },
  required: [],
} as const
const QUEUE = { members: { queue: TEXT }, required: ['queue'] } as const
const SECONDS = { type: 'number', minimum: 0, description: 'Seconds. Left out: that of the worker again.' }

export const ACTIONS: Readonly<Record<WorkerAction, ActionFacts>> = {
  quiet: {
    ...NOTHING,
    role: 'operator',
    doc: 'Take no more tasks; what runs goes on',
    run: (control, _, options) => control.quiet(options),
  },
  resume: {
    ...NOTHING,
    role: 'operator',
    doc: 'After quiet: take tasks again',
    run: (control, _, options) => control.resume(options),
  },
  shutdown: {
    ...NOTHING,
    role: 'admin',
    doc: 'Stop the worker: it finishes what runs',
    run: async (control, _, options) => {
      await control.shutdown(options)
      return undefined
    },
  },
  'pool-grow': {
    ...SLOTS,
    role: 'operator',
    doc: 'So many slots more',
    run: (control, { count = 1 }, options) => control.poolGrow(count as number, options),
  },
  'pool-shrink': {
    ...SLOTS,
    role: 'operator',
    doc: 'So many slots fewer',
    run: (control, { count = 1 }, options) => control.poolShrink(count as number, options),
  },
  'pool-restart': {
    ...NOTHING,
    role: 'operator',
    doc: "Restart the pool: of Celery's workers, with worker_pool_restarts",
    run: (control, _, options) => control.broadcast('pool_restart', {}, options),
  },
  autoscale: {
    members: { max: COUNT, min: { ...COUNT, minimum: 0 } },
    required: ['max', 'min'],
    role: 'operator',
    doc: 'Change the bounds of a pool that scales itself',
    run: (control, { max, min }, options) => control.autoscale(max as number, min as number, options),
  },
  'add-consumer': {
    ...QUEUE,
    role: 'operator',
    doc: 'Take from this queue too',
    run: (control, { queue }, options) => control.addConsumer(queue as string, options),
  },
  'cancel-consumer': {
    ...QUEUE,
    role: 'operator',
    doc: 'Take from this queue no more',
    run: (control, { queue }, options) => control.cancelConsumer(queue as string, options),
  },
  'rate-limit': {
    members: { task: TEXT, rate: { type: ['string', 'number'], examples: ['100/m'], description: '0: none.' } },
    required: ['task', 'rate'],
    role: 'operator',
    doc: 'Change the rate limit of a task, until the worker stops',
    run: (control, { task, rate }, options) => control.rateLimit(task as string, rate as string, options),
  },
  'time-limit': {
    members: { task: TEXT, soft: SECONDS, hard: SECONDS },
    required: ['task'],
    role: 'operator',
    doc: 'Change the time limits of a task, until the worker stops',
    run: (control, { task, soft, hard }, options) =>
      control.timeLimit(task as string, { soft: millisecondsOf(soft), hard: millisecondsOf(hard) }, options),
  },
  'enable-events': {
    ...NOTHING,
    role: 'operator',
    doc: 'Send events of tasks',
    run: (control, _, options) => control.enableEvents(options),
  },
  'disable-events': {
    ...NOTHING,
    role: 'operator',
    doc: 'Send no events of tasks',
    run: (control, _, options) => control.disableEvents(options),
  },
  heartbeat: {
    ...NOTHING,
    role: 'operator',
    doc: 'Send a heartbeat event now',
    run: (control, _, options) => control.heartbeat(options),
  },
}

/** What is no number goes on as it is: `Control` refuses it. */
function millisecondsOf(seconds: unknown): number | undefined {
  return typeof seconds === 'number' ? seconds * 1000 : (seconds as undefined)
}
