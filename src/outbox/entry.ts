import type { OpenChord } from '../backend/chords.ts'
import type { Note } from '../backend/notes.ts'
import type { Submission } from '../backend/unitOfWork.ts'
import { calledTask } from '../protocol/envelope.ts'
import { DecodeError } from '../std/errors.ts'
import { isRecord } from '../std/isRecord.ts'
import { asError } from '../std/thrown.ts'

/** What a row of an outbox holds: what is submitted together, or a note of a workflow. */
export type Entry =
  | { readonly submissions: readonly Submission[]; readonly opens?: readonly OpenChord[] | undefined }
  | { readonly note: Note }

/** A row that is added. */
export interface NewRow {
  /** Of the first task that it submits; null where it submits none. */
  readonly id: string | null
  readonly task: string | null
  /** JSON. */
  readonly body: string
}

/** Bytes in JSON. */
interface Packed {
  readonly base64: string
}

export function rowOf(entry: Entry): NewRow {
  if ('note' in entry) return { id: null, task: null, body: JSON.stringify(entry) }
  const { submissions, opens } = entry
  const [first] = submissions
  const envelope = first?.message?.envelope
  const { task } = envelope?.headers ?? {}
  return {
    id: first?.meta?.task_id ?? (envelope && calledTask(envelope)) ?? null,
    task: typeof task === 'string' ? task : null,
    body: JSON.stringify({ submissions: submissions.map(packed), opens }),
  }
}

/** Throws DecodeError. */
export function entryOf(body: string): Entry {
  let entry: unknown
  try {
    entry = JSON.parse(body)
  } catch (error) {
    throw new DecodeError(`a row of the outbox: expected JSON, got another text: ${asError(error).message}`)
  }
  if (isRecord(entry) && isRecord(entry.note)) return entry as { note: never }
  if (!isRecord(entry) || !Array.isArray(entry.submissions))
    throw new DecodeError('a row of the outbox: expected submissions or a note, got something else')
  return { ...entry, submissions: entry.submissions.map(unpacked) }
}

function packed({ message, metadata, ...rest }: Submission): object {
  return {
    ...rest,
    message: message && { ...message, envelope: { ...message.envelope, body: bytesOut(message.envelope.body) } },
    metadata: metadata && { ...metadata, input: bytesOut(metadata.input) },
  }
}

function unpacked(value: unknown): Submission {
  if (!isRecord(value)) throw new DecodeError('a row of the outbox: expected a submission, got something else')
  const { message, metadata, ...rest } = value as unknown as Submission
  return {
    ...rest,
    ...(message && {
      message: { ...message, envelope: { ...message.envelope, body: bytesIn(message.envelope.body) as string } },
    }),
    ...(metadata && { metadata: { ...metadata, input: bytesIn(metadata.input) } }),
  }
}

function bytesOut(value: string | Uint8Array | undefined): string | Packed | undefined {
  return value instanceof Uint8Array ? { base64: Buffer.from(value).toString('base64') } : value
}

function bytesIn(value: unknown): string | Uint8Array | undefined {
  if (isRecord(value) && typeof value.base64 === 'string') return Buffer.from(value.base64, 'base64')
  return value as string | undefined
}
