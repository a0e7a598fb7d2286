import type { Event } from '../../events/receiver.ts'
import { pythonRepr } from '../../protocol/repr.ts'
import { printable } from './printable.ts'

/** Words for the types of events that are no words. */
const TYPES: Readonly<Record<string, string>> = {
  'worker-online': 'started',
  'worker-heartbeat': 'heartbeat',
  'worker-offline': 'shutdown',
}

/** Fields that the line shows in another place, or as the task. */
const SHOWN: ReadonlySet<string> = new Set(['type', 'hostname', 'timestamp', 'uuid'])
const OF_CALL: ReadonlySet<string> = new Set(['name', 'args', 'kwargs'])

/** What is known of the task of an event. */
export interface EventTask {
  readonly name?: string | undefined
  readonly args?: string | undefined
  readonly kwargs?: string | undefined
}

/**
 * An event on one line, as `celery events --dump` has it: sender, time (UTC), type, task and the other fields by name.
 * Whatever a sender wrote, nothing of it moves the cursor or ends the line.
 */
export function eventLine(event: Event, task: EventTask = {}): string {
  const { type, hostname, timestamp, uuid } = event
  const fields = fieldsOf(event)
  const words = TYPES[type] ?? type.toLowerCase().replaceAll('-', ' ')
  const said = [...(uuid === undefined ? [] : [taskText(uuid, task)]), ...(fields === '' ? [] : [fields])]
  const head = `${hostname} [${timeText(timestamp)}] ${words}`
  return printable(said.length === 0 ? head : `${head}: ${said.join(' ')}`)
}

function taskText(uuid: string, { name, args, kwargs }: EventTask): string {
  const given = [...(args === undefined ? [] : [`args=${args}`]), ...(kwargs === undefined ? [] : [`kwargs=${kwargs}`])]
  return [`${name ?? '?'}(${uuid})`, ...given].join(' ')
}

function fieldsOf(event: Event): string {
  const isOfTask = event.uuid !== undefined
  return Object.keys(event)
    .filter((name) => event[name] !== undefined && !SHOWN.has(name) && !(isOfTask && OF_CALL.has(name)))
    .sort()
    .map((name) => `${name}=${valueText(event[name])}`)
    .join(', ')
}

/** As Python prints it. */
function valueText(value: unknown): string {
  return typeof value === 'string' ? value : pythonRepr(value)
}

/** With microseconds, rounded as Python does. */
function timeText(seconds: number): string {
  const microseconds = Math.round(seconds * 1e6)
  const [date, time] = new Date(Math.floor(microseconds / 1000)).toISOString().split('T') as [string, string]
  return `${date} ${time.slice(0, 8)}.${String(microseconds % 1e6).padStart(6, '0')}`
}
