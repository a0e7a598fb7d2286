import type { RetriedDocument } from '../../../protocol/recordedDocument.ts'

/** What became of the jobs of all pages together. */
export interface RetrySum {
  /** Jobs that can be submitted again, unless they were before: a dry run does not know that. */
  readonly fit: number
  readonly retried: number
  /** They were submitted again before. */
  readonly before: number
  readonly inputNotKept: number
  /** Without a record, or in another state by now. */
  readonly unfit: number
}

/** Goes through all pages, one by one. `progress` is called after each. Rejects with what failed, or on abort. */
export async function retryPages(
  ask: (cursor: string | undefined) => Promise<RetriedDocument>,
  progress: (sum: RetrySum) => void,
  signal: AbortSignal,
): Promise<RetrySum> {
  let sum: RetrySum = { fit: 0, retried: 0, before: 0, inputNotKept: 0, unfit: 0 }
  let cursor: string | undefined
  do {
    signal.throwIfAborted()
    const page = await ask(cursor)
    sum = {
      fit: sum.fit + page.ids.length - page.inputNotKept.length,
      retried: sum.retried + Object.keys(page.retried).length,
      before: sum.before + page.before.length,
      inputNotKept: sum.inputNotKept + page.inputNotKept.length,
      unfit: sum.unfit + page.unfit.length,
    }
    progress(sum)
    cursor = page.cursor
  } while (cursor !== undefined)
  return sum
}
