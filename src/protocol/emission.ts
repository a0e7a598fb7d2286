import { DecodeError } from '../std/errors.ts'
import { isRecord } from '../std/isRecord.ts'
import type { LineLevel } from '../std/log.ts'
import { encodePlain, type SerializerName } from './encoding.ts'
import { ALL_CONTENT_TYPES, deserializeObject, write } from './serializer.ts'

/** What a running task emits: a part of its output, or a line of its log. */
export interface Emission {
  readonly kind: 'chunk' | 'log'
  /**
   * Of the run that handed it out: 1 at the first, 1 more after each retry and each run that was lost with its worker.
   */
  readonly attempt: number
  readonly value: unknown
}

/** A line of a task's log, as an emission has it. */
export interface LogLine {
  readonly level: LineLevel
  /** ISO 8601. */
  readonly time: string
  readonly message: string
  readonly fields: Readonly<Record<string, unknown>>
}

/** An emission as it is stored. Throws EncodeError, in whose words the value is of the emission's kind. */
export function writeEmission({ kind, attempt, value }: Emission, serializer: SerializerName): string | Uint8Array {
  const plain = value === undefined ? null : encodePlain(value, kind, serializer, 1)
  return write({ kind, attempt, value: plain }, serializer).body
}

/** Throws DecodeError for what `writeEmission` has not written. */
export function readEmission(body: string | Uint8Array): Emission {
  const read = deserializeObject(body, ALL_CONTENT_TYPES)
  if (isRecord(read) && (read.kind === 'chunk' || read.kind === 'log') && typeof read.attempt === 'number')
    return { kind: read.kind, attempt: read.attempt, value: read.value }
  throw new DecodeError('emission: expected an object with kind, attempt and value')
}
