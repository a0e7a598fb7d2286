import { encodeException } from '../protocol/exception.ts'
import { FAILURE } from '../protocol/states.ts'
import type { ChordPart } from './chords.ts'

/*
 * Headers whose messages are not in the store that joins their parts: if their sender dies meanwhile, a part of the
 * members was sent, and the rest never will be.
 */

/** How long the sender of a header may take for the next thousand members before it counts as dead, ms. */
export const HEADER_LIMIT_MS = 300_000

/** The part that fails a chord whose header was not sent whole. */
export function unsentPart(group: string): Omit<ChordPart, 'callback'> {
  const message = 'the sender of the header ended before all members were sent'
  const result = encodeException({ type: 'ChordError', message, module: 'celery.exceptions' })
  return { group, index: undefined, taskId: group, state: FAILURE, result }
}
