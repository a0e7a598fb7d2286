import type { PartSlice } from '../../../backend/chords.ts'
import { FAILURE, SUCCESS } from '../../../protocol/states.ts'
import { readSavedGroup } from './savedGroups.ts'

/*
 * The results of a group as Celery saves them where a member of a header is itself a group (the end of a chain): the
 * body gets the results of that member as a list of its own.
 */

type Part = PartSlice['parts'][number]

/** A member: its id, and its own members if it is a group. */
interface Member {
  readonly id: string
  readonly members?: readonly Member[]
}

/** Groups that are nested deeper are read as if they were empty. */
const MAX_DEPTH = 50

/** The members of a saved group of Celery's, if any of them is a group. Undefined for all else. */
export function nestedMembers(saved: Uint8Array, accept: ReadonlySet<string>): readonly Member[] | undefined {
  const found = readSavedGroup(saved, accept)
  const members = found && found.flat !== true ? membersOf(found.result, 0) : undefined
  return members?.some((member) => member.members) ? members : undefined
}

/** A result tuple of Celery's: `[[id, parent], members or null]`. */
function membersOf(tuple: unknown, depth: number): readonly Member[] | undefined {
  const members: unknown = Array.isArray(tuple) ? tuple[1] : undefined
  if (!Array.isArray(members) || depth > MAX_DEPTH) return undefined
  return members.map((member: unknown) => {
    const [own] = Array.isArray(member) ? member : []
    const id: unknown = Array.isArray(own) ? own[0] : own
    return { id: String(id), members: membersOf(member, depth + 1) }
  })
}

/** One part for each member of the group `group`: that of a nested group is the list of results of its members. */
export function nestedParts(members: readonly Member[], parts: readonly Part[], group: string): readonly Part[] {
  const byId = new Map(parts.map((part) => [part.taskId, part]))
  const partOf = ({ id, members: inner }: Member, index: number): Part => {
    const place = { group, index, taskId: id }
    if (!inner) return { ...(byId.get(id) ?? { ...place, state: FAILURE, result: null }), index }
    const all = inner.map(partOf)
    return all.find(({ state }) => state !== SUCCESS) ?? { ...place, state: SUCCESS, result: all.map(resultOf) }
  }
  return members.map(partOf)
}

function resultOf({ result }: Part): unknown {
  return result
}
