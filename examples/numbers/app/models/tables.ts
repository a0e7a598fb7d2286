import type { Generated } from 'kysely'

/** The two tables. */
export interface Tables {
  requests: RequestTable
  numbers: NumberTable
}

export interface RequestTable {
  /** The client's own id of the request. */
  rid: string
  /** 1 where the client sent a number, 0 for a text; null in rows of before this was kept. */
  rid_is_number: number | null
  /** Id of the task that stored it. */
  stored_by: string
}

/** One number of a request. */
export interface NumberTable {
  id: Generated<number>
  rid: string
  /** Its place in the request, from 0. */
  position: number
  number: number
  /** What is to be done with it (`sum`), is being done (`sum_Doing`) or has been done (`sum_Done`). */
  jobtodo: string
  result: number | null
  /** Id of the task that does it now, or did. */
  claimed_by: string | null
}
