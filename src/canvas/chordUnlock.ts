import { encodeException, errorInfo } from '../protocol/exception.ts'
import type { TaskMeta } from '../protocol/result.ts'
import { readSignature, type SignatureData } from '../protocol/signature.ts'
import { FAILURE, isFinal, SUCCESS } from '../protocol/states.ts'
import { ArgumentError } from '../std/errors.ts'
import { MAX_WORKFLOW_TASKS } from './check.ts'
import type { Gathered, Part } from './chordEnd.ts'

/** A member of a header: the id of its task; of a group in it, its members. */
export type UnlockMember = string | readonly UnlockMember[]

/** The call of `celery.chord_unlock`, with which Celery's clients join a chord whose backend cannot. */
export interface Unlock {
  /** Id of the group that is the header. */
  readonly group: string
  readonly body: SignatureData
  /** How long until the members are looked at again, ms. */
  readonly interval: number
  /** How often; undefined: until they have ended. */
  readonly maxRetries: number | undefined
  readonly members: readonly UnlockMember[]
}

/** Celery's `result_chord_retry_interval`, ms, for a call without one. */
const DEFAULT_INTERVAL_MS = 1000
/** Groups in groups: deeper ones are refused. */
const MAX_DEPTH = 20

/** Its arguments, in Celery's order and units. Throws ArgumentError or DecodeError, with the name of the argument. */
export function readUnlock(
  group: unknown,
  callback: unknown,
  interval: unknown,
  maxRetries: unknown,
  result: unknown,
): Unlock {
  if (typeof group !== 'string' || group === '') throw wrong('group_id', 'the id of a group', group)
  const body = readSignature(callback, 'callback')
  const isInterval = typeof interval === 'number' && Number.isFinite(interval) && interval >= 0
  if (!isNothing(interval) && !isInterval) throw wrong('interval', 'seconds >= 0', interval)
  const isCount = Number.isSafeInteger(maxRetries) && (maxRetries as number) >= 0
  if (!isNothing(maxRetries) && !isCount) throw wrong('max_retries', 'a whole number >= 0', maxRetries)
  const members = membersIn(result, 'result', 0)
  if (idsOf(members).length > MAX_WORKFLOW_TASKS)
    throw new ArgumentError(`result: expected at most ${MAX_WORKFLOW_TASKS} tasks, got more`)
  return {
    group,
    body,
    interval: isInterval ? interval * 1000 : DEFAULT_INTERVAL_MS,
    maxRetries: isCount ? (maxRetries as number) : undefined,
    members,
  }
}

/** Celery's results as tuples: `[[id, parent], null]`, of a group with its members in place of null. */
function membersIn(result: unknown, path: string, depth: number): readonly UnlockMember[] {
  if (!Array.isArray(result)) throw wrong(path, 'a list of results', result)
  if (depth > MAX_DEPTH) throw new ArgumentError(`result: expected at most ${MAX_DEPTH} groups in each other`)
  return result.map((one: unknown, at) => {
    const where = `${path}[${at}]`
    if (!Array.isArray(one)) throw wrong(where, 'a result as [[id, parent], members]', one)
    const [own, members] = one
    if (!isNothing(members)) return membersIn(members, where, depth + 1)
    const id: unknown = Array.isArray(own) ? own[0] : own
    if (typeof id !== 'string' || id === '') throw wrong(where, 'the id of a task', id)
    return id
  })
}

/** The ids of all tasks. */
export function idsOf(members: readonly UnlockMember[]): readonly string[] {
  return members.flatMap((member) => (typeof member === 'string' ? [member] : idsOf(member)))
}

/** True for a task that has ended, also where its record cannot be read. */
export function hasEnded(meta: TaskMeta | undefined): boolean {
  return meta !== undefined && (isFinal(meta.status) || meta.problem !== undefined)
}

/** Add the ends of the members, all of which have ended. The result of a group is the list of its results. */
export function gatherEnds(unlock: Unlock, records: ReadonlyMap<string, TaskMeta>, gathered: Gathered): void {
  for (const [index, member] of unlock.members.entries()) {
    const parts = idsOf([member]).map((id) => partOf(unlock.group, index, records.get(id) as TaskMeta))
    const failed = parts.find(({ state }) => state !== SUCCESS)
    if (failed || typeof member === 'string') gathered.add(failed ?? (parts[0] as Part))
    else gathered.add({ group: unlock.group, index, taskId: '', state: SUCCESS, result: valuesOf(member, records) })
  }
}

function valuesOf(members: readonly UnlockMember[], records: ReadonlyMap<string, TaskMeta>): readonly unknown[] {
  return members.map((one) => (typeof one === 'string' ? records.get(one)?.result : valuesOf(one, records)))
}

function partOf(group: string, index: number, { task_id: taskId, status, result, problem }: TaskMeta): Part {
  if (problem) return { group, index, taskId, state: FAILURE, result: encodeException(errorInfo(problem)) }
  return { group, index, taskId, state: status as Part['state'], result }
}

function isNothing(value: unknown): value is null | undefined {
  return value === null || value === undefined
}

function wrong(name: string, expected: string, got: unknown): ArgumentError {
  return new ArgumentError(`${name}: expected ${expected}, got ${JSON.stringify(got)?.slice(0, 80)}`)
}
