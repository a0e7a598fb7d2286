import type { Transaction } from 'kysely'
import type { Database } from './database.ts'
import type { Tables } from './tables.ts'

/** What has become of numbers: the n-th entry of each list is of the n-th number. */
export interface NumberUpdate {
  readonly numbers_id: readonly number[]
  readonly numbers: readonly number[]
  readonly jobtodo_new: readonly string[]
  /** null where the result is no number. */
  readonly result: readonly (number | null)[]
}

/** Numbers that a processing is to do. */
export interface Claim {
  readonly numbers_id: number[]
  readonly numbers: number[]
}

/** Numbers of one claim, at most: the next tick takes what is left. */
const BATCH = 1000

/**
 * Take numbers that wait for a job: from then on they are `<job>_Doing`, and nobody else gets them. With them come those that the same
 * task had taken before it was killed.
 */
export function claimNumbers(db: Database, job: string, task: string): Promise<Claim> {
  return db.transaction().execute(async (tx) => {
    // Where two do this at once, the second waits for the first and sees that they are taken: the outer condition is looked at again.
    await tx
      .updateTable('numbers')
      .set({ jobtodo: `${job}_Doing`, claimed_by: task })
      .where('jobtodo', '=', job)
      .where('id', 'in', (from) =>
        from.selectFrom('numbers').select('id').where('jobtodo', '=', job).orderBy('id').limit(BATCH),
      )
      .execute()
    const rows = await tx
      .selectFrom('numbers')
      .select(['id', 'number'])
      .where('claimed_by', '=', task)
      .where('jobtodo', '=', `${job}_Doing`)
      .orderBy('id')
      .execute()
    return { numbers_id: rows.map((row) => row.id), numbers: rows.map((row) => row.number) }
  })
}

/** Let what a task has taken and could not do wait again. */
export async function releaseNumbers(db: Database, job: string, task: string): Promise<void> {
  await db
    .updateTable('numbers')
    .set({ jobtodo: job, claimed_by: null })
    .where('claimed_by', '=', task)
    .where('jobtodo', '=', `${job}_Doing`)
    .execute()
}

/** Write down what has become of numbers: of all, or of none where one of them is not known. */
export async function updateNumbers(db: Database, update: NumberUpdate): Promise<boolean> {
  try {
    await db.transaction().execute(async (tx) => {
      for (const at of update.numbers_id.keys()) await updateNumber(tx, update, at)
    })
    return true
  } catch (error) {
    if (error instanceof UnknownNumberError) return false
    throw error
  }
}

class UnknownNumberError extends Error {}

async function updateNumber(tx: Transaction<Tables>, update: NumberUpdate, at: number): Promise<void> {
  const { numUpdatedRows } = await tx
    .updateTable('numbers')
    .set({ jobtodo: update.jobtodo_new[at], result: update.result[at] })
    .where('id', '=', update.numbers_id[at] ?? 0)
    .where('number', '=', update.numbers[at] ?? 0)
    .executeTakeFirst()
  if (numUpdatedRows === 0n) throw new UnknownNumberError()
}
