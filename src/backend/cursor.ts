import { ArgumentError } from '../std/errors.ts'

/**
 * The position that a page of `ListFilter` begins below; without a cursor above all. Throws ArgumentError for a limit
 * or cursor out of bounds.
 */
export function positionOf(limit: number, cursor: string | undefined): number {
  requireLimit(limit)
  if (cursor === undefined) return Number.MAX_SAFE_INTEGER
  if (!/^[1-9]\d{0,14}$/.test(cursor))
    throw new ArgumentError(`cursor: expected one that a page gave, got ${JSON.stringify(cursor)}`)
  return Number(cursor)
}

/** Throws ArgumentError for a limit out of bounds. */
export function requireLimit(limit: number): void {
  if (!Number.isInteger(limit) || limit < 1 || limit > 1000)
    throw new ArgumentError(`limit: expected 1 to 1000, got ${limit}`)
}
