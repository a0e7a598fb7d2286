import { isRecord } from '../std/isRecord.ts'
import { readMeta, type TaskMeta } from './result.ts'

/*
 * A record as a store keeps it that has its id, task and moment of submission beside it: without these fields, and
 * without those that are empty.
 */

/** Fields that the store has beside the record. */
const BESIDE: ReadonlySet<string> = new Set(['task_id', 'name', 'date_submitted'])
/** Fields that read as null where they are absent. */
const NULLABLE: ReadonlySet<string> = new Set(['result', 'traceback', 'date_done'])

/** `result`: the record's result, encoded. The state comes first: it is read there where the rest is unreadable. */
export function packRecord(meta: TaskMeta, result: unknown): Record<string, unknown> {
  const packed: Record<string, unknown> = { status: meta.status }
  for (const name of Object.keys(meta)) {
    if (BESIDE.has(name)) continue
    const value = name === 'result' ? result : meta[name as keyof TaskMeta]
    if (value === null && NULLABLE.has(name)) continue
    if (name === 'children' && meta.children.length === 0) continue
    packed[name] = value
  }
  return packed
}

/** The record with this id, from its decoded form, or from a whole record. Throws DecodeError. */
export function readRecord(id: string, value: unknown): TaskMeta {
  return readMeta(isRecord(value) ? { task_id: id, ...value } : value)
}
