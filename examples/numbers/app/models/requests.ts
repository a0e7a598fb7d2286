import type { Database } from './database.ts'

/** A request, as a client hands it in. The n-th job is to be done with the n-th number. */
export interface NumberRequest {
  /** The client's own id: 7 and "7" are the same. */
  readonly rid: string | number
  readonly numbers: readonly number[]
  readonly jobtodo: readonly string[]
}

/** A request as it is stored, with the ids by which its numbers are updated. */
export interface StoredRequest extends NumberRequest {
  readonly numbers_id: readonly number[]
  readonly result: readonly (number | null)[]
}

/**
 * Store a request and its numbers: all of it or nothing. False where the rid is taken; that the same task has stored it before, and was
 * killed before it could say so, is no reason.
 */
export function storeRequest(db: Database, request: NumberRequest, task: string): Promise<boolean> {
  const { numbers, jobtodo } = request
  const rid = String(request.rid)
  return db.transaction().execute(async (tx) => {
    const { numInsertedOrUpdatedRows } = await tx
      .insertInto('requests')
      .values({ rid, rid_is_number: typeof request.rid === 'number' ? 1 : 0, stored_by: task })
      .onConflict((conflict) => conflict.column('rid').doNothing())
      .executeTakeFirstOrThrow()
    if (numInsertedOrUpdatedRows === 0n) {
      const { stored_by } = await tx
        .selectFrom('requests')
        .select('stored_by')
        .where('rid', '=', rid)
        .executeTakeFirstOrThrow()
      return stored_by === task
    }
    const rows = numbers.map((number, position) => ({ rid, position, number, jobtodo: jobtodo[position] ?? '' }))
    await tx.insertInto('numbers').values(rows).execute()
    return true
  })
}

/** Undefined where there is none. */
export async function findRequest(db: Database, rid: string): Promise<StoredRequest | undefined> {
  const rows = await db.selectFrom('numbers').selectAll().where('rid', '=', rid).orderBy('position').execute()
  if (rows.length === 0) return undefined
  const { rid_is_number } = await db
    .selectFrom('requests')
    .select('rid_is_number')
    .where('rid', '=', rid)
    .executeTakeFirstOrThrow()
  return {
    rid: (rid_is_number ?? Number(/^(0|-?[1-9]\d{0,14})$/.test(rid))) === 1 ? Number(rid) : rid,
    numbers: rows.map((row) => row.number),
    jobtodo: rows.map((row) => row.jobtodo),
    numbers_id: rows.map((row) => row.id),
    result: rows.map((row) => row.result),
  }
}
