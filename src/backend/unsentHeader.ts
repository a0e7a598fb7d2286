import { encodeException } from '../protocol/exception.ts'
import { FAILURE } from '../protocol/states.ts'
import type { AddedMember, ChordPart } from './chords.ts'

/*
 * Members whose messages are not in the store that joins their parts: if their sender dies meanwhile, a part of them
 * was sent, and the rest never will be.
 */

/**
 * How long the sender of a header may take for the next thousand members, and a task for a member that it adds, before
 * it counts as dead, ms.
 */
export const HEADER_LIMIT_MS = 300_000

/** The part that fails a chord whose header was not sent whole. */
export function unsentPart(group: string): Omit<ChordPart, 'callback'> {
  return failedPart(group, group, 'the sender of the header ended before all members were sent')
}

/** The part of a member that was added, and probably never sent. */
export function unaddedPart({ group, taskId }: AddedMember): Omit<ChordPart, 'callback'> {
  return failedPart(group, taskId, 'the task that added this member ended before it was sent')
}

function failedPart(group: string, taskId: string, message: string): Omit<ChordPart, 'callback'> {
  const result = encodeException({ type: 'ChordError', message, module: 'celery.exceptions' })
  return { group, index: undefined, taskId, state: FAILURE, result }
}
