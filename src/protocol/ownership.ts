import { isRecord } from '../std/isRecord.ts'
import { NO_HEADERS } from './callHeaders.ts'

/** Whose job it is, and its tags. */
export interface Ownership {
  readonly owner?: string | undefined
  readonly tags?: readonly string[] | undefined
}

/** With it a task has the ownership of its call, for what a worker sends in its place, and as its links. */
const HEADER = 'celeriac_job'

/** The header of a task of this ownership; none where it has neither owner nor tags. */
export function ownershipHeader({ owner, tags }: Ownership): Readonly<Record<string, Ownership>> {
  if (owner === undefined && tags === undefined) return {}
  return { [HEADER]: { ...(owner !== undefined && { owner }), ...(tags !== undefined && { tags }) } }
}

/** The ownership that these headers have; undefined where they have none, or in another form. */
export function ownershipIn(headers: unknown): Ownership | undefined {
  const given = headers !== NO_HEADERS && isRecord(headers) ? headers[HEADER] : undefined
  if (!isRecord(given)) return undefined
  const { owner, tags } = given
  const isOwner = owner === undefined || (typeof owner === 'string' && owner !== '')
  const isTags = tags === undefined || (Array.isArray(tags) && tags.every((tag) => typeof tag === 'string'))
  if (!isOwner || !isTags || (owner === undefined && tags === undefined)) return undefined
  return { ...(owner !== undefined && { owner }), ...(tags !== undefined && { tags }) }
}

/** Options of each task that is sent on behalf of a task with these headers; undefined where it has no ownership. */
export function ownedOptions(headers: unknown): { readonly headers: Readonly<Record<string, unknown>> } | undefined {
  const ownership = ownershipIn(headers)
  return ownership && { headers: ownershipHeader(ownership) }
}
