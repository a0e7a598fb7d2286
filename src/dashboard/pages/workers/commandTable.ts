import type { WorkerCommands } from '../../../client/fleet/workers.ts'
import { type SeenWorker, softwareOf } from './seenWorker.ts'

/** A member of a command, as a field of a form. */
export interface CommandField {
  readonly name: string
  readonly label: string
  /** `task` and `queue` propose names. */
  readonly kind: 'whole' | 'seconds' | 'rate' | 'task' | 'queue'
  readonly min?: number
  readonly max?: number
  readonly start?: string
  readonly hint?: string
  /** It may be left empty. */
  readonly isOptional?: boolean
}

/** A command as a form. */
export interface CommandFacts {
  readonly command: keyof WorkerCommands
  /** On its button. */
  readonly action: string
  readonly fields: readonly CommandField[]
  /** Why this worker cannot; undefined where it may. */
  readonly whyNot?: (worker: SeenWorker) => string | undefined
  /** Asked before. */
  readonly question?: string
}

/** As the server limits it. */
const MAX_SLOTS = 1000
const SLOTS = { label: 'Slots', kind: 'whole', min: 1, max: MAX_SLOTS, start: '1' } as const
const TASK = { name: 'task', label: 'Task', kind: 'task' } as const

const scalesItself = ({ autoscale }: SeenWorker): string | undefined =>
  autoscale && 'It scales itself: change the bounds of autoscale instead'
const scalesNot = ({ autoscale }: SeenWorker): string | undefined =>
  autoscale ? undefined : 'It was started without autoscale'
const restartsNot = (worker: SeenWorker): string | undefined =>
  softwareOf(worker) === 'celeriac' ? "Only Celery's workers can restart their pool" : undefined

/** What a worker is asked about its pool. */
export const POOL_COMMANDS: readonly CommandFacts[] = [
  { command: 'pool-grow', action: 'Grow pool', fields: [{ ...SLOTS, name: 'count' }], whyNot: scalesItself },
  { command: 'pool-shrink', action: 'Shrink pool', fields: [{ ...SLOTS, name: 'count' }], whyNot: scalesItself },
  {
    command: 'autoscale',
    action: 'Set autoscale',
    fields: [
      { name: 'min', label: 'Slots at least', kind: 'whole', min: 0, max: MAX_SLOTS, start: '1' },
      { name: 'max', label: 'Slots at most', kind: 'whole', min: 1, max: MAX_SLOTS, start: '10' },
    ],
    whyNot: scalesNot,
  },
  {
    command: 'pool-restart',
    action: 'Restart pool',
    fields: [],
    whyNot: restartsNot,
    question: 'Its processes are ended and started again. Runs that are not finished may be lost or run twice.',
  },
]

export const ADD_CONSUMER: CommandFacts = {
  command: 'add-consumer',
  action: 'Add consumer',
  fields: [{ name: 'queue', label: 'Queue', kind: 'queue' }],
}

/** Until the worker stops. */
export const LIMIT_COMMANDS: readonly CommandFacts[] = [
  {
    command: 'rate-limit',
    action: 'Set rate limit',
    fields: [TASK, { name: 'rate', label: 'Rate', kind: 'rate', hint: '10/s, 100/m, 1000/h; 0: none' }],
  },
  {
    command: 'time-limit',
    action: 'Set time limits',
    fields: [
      TASK,
      { name: 'soft', label: 'Soft (s)', kind: 'seconds', min: 0, isOptional: true },
      { name: 'hard', label: 'Hard (s)', kind: 'seconds', min: 0, isOptional: true },
    ],
  },
]

export const EVENT_COMMANDS: readonly CommandFacts[] = [
  { command: 'enable-events', action: 'Enable events', fields: [] },
  { command: 'disable-events', action: 'Disable events', fields: [] },
  { command: 'heartbeat', action: 'Send heartbeat', fields: [] },
]

/** What is wrong with the text of a field; undefined where nothing is. */
export function wrongIn({ kind, min = 0, max, isOptional }: CommandField, text: string): string | undefined {
  const value = text.trim()
  if (value === '') return isOptional ? undefined : 'Required'
  if (kind === 'rate')
    return /^\d{1,12}(?:\.\d{1,12})?(?:\/[smh])?$/.test(value) ? undefined : 'As 10/s, 100/m or 1000/h'
  if (kind === 'task' || kind === 'queue') return value.length > 255 ? 'At most 255 characters' : undefined
  const number = Number(value)
  const isFine = (kind === 'seconds' ? Number.isFinite(number) : Number.isInteger(number)) && number >= min
  const range = max === undefined ? `of at least ${min}` : `from ${min} to ${max}`
  return isFine && (max === undefined || number <= max)
    ? undefined
    : `A ${kind === 'seconds' ? '' : 'whole '}number ${range}`
}

/** The members of a command, of the texts of its fields. */
export function membersOf(
  fields: readonly CommandField[],
  texts: Readonly<Record<string, string>>,
): Record<string, string | number> {
  return Object.fromEntries(
    fields.flatMap(({ name, kind }) => {
      const value = (texts[name] ?? '').trim()
      if (value === '') return []
      return [[name, kind === 'whole' || kind === 'seconds' ? Number(value) : value]]
    }),
  )
}
