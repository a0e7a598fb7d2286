/*
 * Compiled by the type check, never run: what the types of tasks with batch infer, and what they refuse.
 * A line that must not compile bears @ts-expect-error: the check fails when it does.
 */
import { type BatchContext, Celeriac, type ItemEnd, type Submission } from 'celeriac'
import { z } from 'zod'

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const same = <A, B>(_same: Same<A, B>): void => undefined

const app = new Celeriac()
const input = z.object({ n: z.coerce.number(), tenant: z.string().default('none') })

const square = app.task({
  name: 'square',
  input,
  progress: z.object({ done: z.number() }),
  batch: { size: 10, wait: '1s', key: ({ tenant }) => tenant },
  async run(items, ctx) {
    same<typeof ctx, BatchContext>(true)
    await items[0]?.progress({ done: 1 })
    // @ts-expect-error progress has a schema
    await items[0]?.progress({ done: 'half' })
    // @ts-expect-error the context of a batch has no attempt: each item has its own
    ctx.attempt.toFixed()
    return items.map((item) => {
      same<typeof item.input, { n: number; tenant: string }>(true)
      if (item.input.n < 0) return item.fail(new RangeError('negative'))
      if (item.attempt < 2) return item.retry({ countdown: '1s' })
      return item.input.n ** 2
    })
  },
  onSuccess: (result) => result.toFixed(),
})
const sent = square.delay({ n: 1, tenant: 'a' })
same<typeof sent, Submission<number, { done: number }>>(true)
// @ts-expect-error the caller sends one input, and no list
square.delay([{ n: 1 }])

const nothing = app.task({ name: 'nothing', input, batch: { size: 10, wait: 0 }, run: async () => undefined })
const none = nothing.delay({ n: 1 })
same<typeof none, Submission<undefined>>(true)

const checked = app.task({
  name: 'checked',
  input,
  output: z.string().transform(Number),
  batch: { size: 10, wait: 0 },
  onSuccess: (result) => result.toFixed(),
  run: (items) => items.map(() => '5'),
})
const number = checked.delay({ n: 1 })
same<typeof number, Submission<number>>(true)

// @ts-expect-error a key is text
app.task({ name: 'key', input, batch: { size: 1, wait: 0, key: ({ n }) => n }, run: () => undefined })
// @ts-expect-error without wait
app.task({ name: 'wait', input, batch: { size: 1 }, run: () => undefined })
// @ts-expect-error a run of many calls has no rate of its own
app.task({ name: 'rate', input, batch: { size: 1, wait: 0 }, rateLimit: '1/s', run: () => undefined })

export const end: ItemEnd | undefined = undefined
