import { isRecord } from '../std/isRecord.ts'
import { canvasOf, readSignature, readSignatureList, type SignatureData } from './signature.ts'

/*
 * Workflows as data, in Celery's forms (celery/canvas.py; celery-wire §1.3): a chain, a group and a chord are
 * signatures whose members are in `kwargs`.
 */

type Options = Readonly<Record<string, unknown>>

/** The call of a task by its name. */
export function taskData(
  task: string,
  { args = [], kwargs = {}, options = {}, immutable = false }: Partial<SignatureData> = {},
): SignatureData {
  return { task, args, kwargs, options, subtask_type: null, immutable }
}

/** One after the other, each with the result of the one before it. */
export function chainData(tasks: readonly SignatureData[], options: Options = {}): SignatureData {
  return canvasData('chain', { tasks }, options)
}

/** All at once. */
export function groupData(tasks: readonly SignatureData[], options: Options = {}): SignatureData {
  return canvasData('group', { tasks }, options)
}

/** All of the header at once, then the body with the list of their results. */
export function chordData(
  header: readonly SignatureData[] | SignatureData,
  body: SignatureData,
  options: Options = {},
): SignatureData {
  return canvasData('chord', { kwargs: {}, header, body }, options)
}

/** One call that runs a task on each item: as its only argument. The result is the list of the results. */
export function mapData(task: SignatureData, items: readonly unknown[], options: Options = {}): SignatureData {
  return taskData('celery.map', { kwargs: { task, it: items }, options, immutable: true })
}

/** The same, where each item is the list of the arguments. */
export function starmapData(
  task: SignatureData,
  items: readonly (readonly unknown[])[],
  options: Options = {},
): SignatureData {
  return taskData('celery.starmap', { kwargs: { task, it: items }, options, immutable: true })
}

/** A group that runs a task on each list of arguments, `size` of them in each member. */
export function chunksData(
  task: SignatureData,
  items: readonly (readonly unknown[])[],
  size: number,
  options: Options = {},
): SignatureData {
  const count = Math.ceil(items.length / size)
  const parts = Array.from({ length: count }, (_, at) => items.slice(at * size, (at + 1) * size))
  return groupData(parts.map((part) => starmapData(task, part, options)))
}

function canvasData(kind: 'chain' | 'group' | 'chord', kwargs: Options, options: Options): SignatureData {
  return { task: `celery.${kind}`, args: [], kwargs, options, subtask_type: kind, immutable: false }
}

/** The steps of a chain, or the members of a group. Throws DecodeError: `path` names the signature in it. */
export function tasksOf({ kwargs }: SignatureData, path: string): readonly SignatureData[] {
  return listOf(kwargs.tasks ?? [], `${path}.tasks`)
}

/** The two parts of a chord. */
export interface ChordParts {
  readonly header: readonly SignatureData[]
  /** Options of the group that is the header, where it is one: its `task_id` is the group's id. */
  readonly options: Options
  readonly body: SignatureData
}

/** Read a chord: its header may be a group, a list, or one signature. Throws DecodeError. */
export function chordParts({ kwargs }: SignatureData, path: string): ChordParts {
  const body = readSignature(kwargs.body, `${path}.body`)
  const { header } = kwargs
  if (!isRecord(header)) return { header: listOf(header, `${path}.header`), options: {}, body }
  const one = readSignature(header, `${path}.header`)
  if (canvasOf(one) !== 'group') return { header: [one], options: {}, body }
  return { header: tasksOf(one, `${path}.header`), options: one.options, body }
}

function listOf(value: unknown, path: string): readonly SignatureData[] {
  return readSignatureList(Array.isArray(value) ? value : [value], path)
}
