import { z } from 'zod'

/*
 * What the tasks take. The server looks at a request's body by the same schemas, before there is a task.
 */

/** Numbers of one call, at most. */
const MOST = 1000

const Numbers = z.array(z.number()).min(1).max(MOST)
/** A word without control characters. */
const Word = z.string().regex(/^[^\p{Cc}]{1,64}$/u, 'expected a text of 1 to 64 characters')
const Jobs = z.array(Word).min(1).max(MOST)

/** A request's id: a whole number or a text. 7 and "7" are the same. */
export const Rid = z.union([z.int(), Word])

export const NumberRequestInput = z
  .strictObject({ rid: Rid, numbers: Numbers, jobtodo: Jobs })
  .superRefine(({ numbers, jobtodo }, context) => {
    refuseOtherLength(context, { jobtodo }, numbers.length)
  })

export const NumberUpdateInput = z
  .strictObject({
    numbers_id: z.array(z.int().min(1).max(2_147_483_647)).min(1).max(MOST),
    numbers: Numbers,
    jobtodo_new: Jobs,
    result: z.array(z.number().nullable()).min(1).max(MOST),
  })
  .superRefine(({ numbers_id, ...lists }, context) => refuseOtherLength(context, lists, numbers_id.length))

function refuseOtherLength(context: z.RefinementCtx, lists: Record<string, readonly unknown[]>, length: number): void {
  for (const [name, list] of Object.entries(lists)) {
    if (list.length === length) continue
    const message = `expected as many entries as there are numbers, ${length}, got ${list.length}`
    context.addIssue({ code: 'custom', path: [name], message })
  }
}
