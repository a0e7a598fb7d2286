import { createHash } from 'node:crypto'
import { type History, seqOf } from '../../backend/eventLog.ts'
import { toJson } from '../../protocol/plainJson.ts'
import { FAILURE, REVOKED } from '../../protocol/states.ts'

/** The entity tag of a job: the number of its last change; where the store did not count it, a hash of the record. */
export function jobEtag(history: History): string {
  const { meta } = history
  const seq = seqOf(history)
  return seq === undefined ? `"${hashOf(toJson(meta))}"` : changeEtag(seq, meta.status)
}

/** The same, of a number and a state. */
export function changeEtag(seq: number, state: string): string {
  // A worker that brings a success after all may replace such an end by it, under the same number.
  const replaceable = state === FAILURE || state === REVOKED
  return replaceable ? `"${seq}-${state}"` : `"${seq}"`
}

/** The entity tag of these very bytes. */
export function contentEtag(content: string | Uint8Array): string {
  return `"${hashOf(content)}"`
}

function hashOf(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('base64url').slice(0, 22)
}

/** `If-None-Match` names this tag, by the weak comparison (RFC 9110 §13.1.2). */
export function isNamed(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false
  if (header.trim() === '*') return true
  return (header.match(/(?:W\/)?"[^"]*"/g) ?? []).some((tag) => tag.replace(/^W\//, '') === etag)
}

/** `If-Match` names this tag, by the strong comparison (RFC 9110 §13.1.1). */
export function isMatched(header: string, etag: string): boolean {
  if (header.trim() === '*') return true
  return [...header.matchAll(/(?:W\/)?"[^"]*"/g)].some(([tag]) => tag === etag)
}
