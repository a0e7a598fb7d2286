import type { NoteStore } from '../../backend/notes.ts'
import { uuidOf } from '../../std/id.ts'
import { holderOf, onceNoteKey } from './guard.ts'

/** The id of the job of an `idempotencyKey`; there may be none. */
export function knownKeyJob(task: string, key: string): string {
  return uuidOf(task, key)
}

/** The same of a key with `idempotencyExpires`; undefined where there is none, or it has expired. */
export async function keptKeyJob(
  task: string,
  key: string,
  notes: Pick<NoteStore, 'get'>,
): Promise<string | undefined> {
  const value = await notes.get(onceNoteKey('idempotencyKey', task, key))
  return value === undefined ? undefined : holderOf(value).id
}
