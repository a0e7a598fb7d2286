import { isRecord } from '../std/isRecord.ts'

/** The results of a workflow: ids, and what comes before each. */
export interface Outline {
  /** Of a task, or of a group. */
  readonly id: string
  /** Of a group: the ends of its members. */
  readonly members?: readonly Outline[] | undefined
  /** What ends before this begins. */
  readonly parent?: Outline | undefined
  /** The task keeps no record. */
  readonly ignored?: boolean | undefined
}

/** The tasks at the ends of an outline: itself, or those of the members of a group, in their order. */
export function leavesOf(outline: Outline): readonly Outline[] {
  return outline.members ? outline.members.flatMap(leavesOf) : [outline]
}

/** Celery's form of it (`as_tuple`): `[[id, parent], members]`, with null for what is not there. */
export type ResultTuple = readonly [readonly [string, ResultTuple | null], readonly ResultTuple[] | null]

/** Write an outline in Celery's form. */
export function tupleOf({ id, members, parent }: Outline): ResultTuple {
  return [[id, parent ? tupleOf(parent) : null], members ? members.map(tupleOf) : null]
}

/** Read what `tupleOf` or Celery has written; undefined for anything else. */
export function readTuple(value: unknown): Outline | undefined {
  const [own, list] = Array.isArray(value) ? value : []
  const [id, before] = Array.isArray(own) ? own : [own]
  if (typeof id !== 'string') return undefined
  const parent = before === null || before === undefined ? undefined : readTuple(before)
  if (!Array.isArray(list)) return { id, parent }
  const members = list.map(readTuple)
  return members.every((member) => member !== undefined) ? { id, parent, members } : undefined
}

/** Read a saved group: `{ result, names? }`, where `result` is as Celery's `GroupResult.save` writes it. */
export function readSaved(value: unknown): { outline: Outline; names: readonly string[] | undefined } | undefined {
  const outline = isRecord(value) ? readTuple(value.result) : undefined
  const names = isRecord(value) && Array.isArray(value.names) ? value.names : undefined
  return outline && { outline, names }
}
