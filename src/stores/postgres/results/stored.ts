import { readRecord } from '../../../protocol/packedRecord.ts'
import { readable, statusIn, type TaskMeta } from '../../../protocol/result.ts'
import { ALL_CONTENT_TYPES, deserialize } from '../../../protocol/serializer.ts'
import { UNKNOWN } from '../../../protocol/states.ts'
import type { Row } from '../connection/pipeline.ts'

/** A record or a logged state, with all fields that are needed to read it. */
export interface Stored {
  readonly seq: number
  readonly id: string
  readonly task: string | undefined
  /** Undefined for an entry of the log: its meta contains the state. */
  readonly state: string | undefined
  readonly version: number
  readonly created: number
  readonly format: string
  readonly meta: string | Uint8Array
}

/** Columns of the table `result r`, in the order of `storedOf`. */
export const STORED = `r.seq, r.id, r.task, r.state, r.version, r.created, r.format, r.meta, encode(r.bytes, 'base64')`

/** A row with these columns from `at` on. */
export function storedOf(row: Row, at = 0): Stored {
  const [seq, id, task, state, version, created, format, text, bytes] = at === 0 ? row : row.slice(at)
  return {
    seq: Number(seq),
    id: id as string,
    task: task ?? undefined,
    state: state ?? undefined,
    version: Number(version),
    created: Number(created),
    format: format as string,
    meta: contentOf(text, bytes),
  }
}

/** A text, or bytes as base64, of two columns. */
export function contentOf(text: string | null | undefined, bytes: string | null | undefined): string | Uint8Array {
  return text ?? Uint8Array.from(Buffer.from(bytes ?? '', 'base64'))
}

/** The record; one that cannot be read has a problem. */
export function metaOf({ id, task, state, format, meta, created }: Stored): TaskMeta {
  const encoding = typeof meta === 'string' ? 'utf-8' : 'binary'
  const read = readable(
    id,
    () => readRecord(id, deserialize(meta, format, encoding, ALL_CONTENT_TYPES)),
    () => ({ status: state ?? statusIn(meta) ?? UNKNOWN }),
  )
  const name = read.name ?? task
  return { ...read, name, date_submitted: new Date(created).toISOString() }
}
