import type { Message, Submission } from '../../backend/unitOfWork.ts'
import type { Messages } from './broker/messages.ts'
import type { SqliteNotes } from './results/notes.ts'
import type { SqliteRecords } from './results/records.ts'

/** The rows of one connection. */
export interface Rows {
  readonly messages: Messages
  readonly records: SqliteRecords
  readonly notes: SqliteNotes
}

/** Inside a transaction: submit, as `UnitOfWork.submit`. */
export function submitRows({ messages, records, notes }: Rows, submission: Submission): boolean {
  const { message, meta, once, metadata, note } = submission
  if (note && notes.get(note.key) !== note.expected) return false
  const fresh = meta === undefined || records.save(meta, false, metadata)
  if (once && !fresh) return false
  if (note) notes.put(note)
  if (message) publishMessage(messages, message)
  return true
}

/** Inside a transaction. */
export function publishMessage(messages: Messages, { envelope, route, notBefore }: Message): void {
  messages.publish(envelope, route, { notBefore })
}
