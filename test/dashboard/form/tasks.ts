import { z } from 'zod'
import type { Celeriac } from '../../../src/index.ts'

interface Category {
  name: string
  parts: Category[]
}
const category: z.ZodType<Category, Category> = z.object({
  name: z.string(),
  get parts() {
    return z.array(category)
  },
})

/** Of every kind of value that a form has a field for. */
export const ORDER = z.object({
  customer: z.string().min(2).max(40).describe('Whom it is for'),
  email: z.email(),
  quantity: z
    .int()
    .min(1)
    .max(99)
    .describe('How many')
    .meta({ examples: [3] }),
  price: z.number().optional(),
  gift: z.boolean().optional(),
  express: z.boolean(),
  size: z.enum(['small', 'large']).default('small'),
  due: z.iso.datetime().optional(),
  day: z.iso.date().optional(),
  note: z.string().nullable(),
  address: z.object({ street: z.string(), city: z.string() }).optional(),
  tags: z.array(z.string()).max(5).optional(),
  position: z.tuple([z.number(), z.number()]).optional(),
  labels: z.record(z.string(), z.number()).optional(),
  payment: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('card'), number: z.string() }),
    z.object({ kind: z.literal('invoice'), days: z.int() }),
  ]),
  code: z.union([z.string(), z.int()]).optional(),
  category: category.optional(),
  old: z.string().optional().meta({ deprecated: true }),
})

export function defineTasks(app: Celeriac): void {
  app.task({
    name: 'orders.create',
    description: 'Create an order',
    input: ORDER,
    example: {
      input: {
        customer: 'Ann',
        email: 'ann@example.com',
        quantity: 3,
        express: true,
        note: null,
        payment: { kind: 'card', number: '4111' },
      },
    },
    run: async (input) => input,
  })
  app.task('math.add', (x: number, y: number) => x + y, { params: { x: z.number(), y: z.number() } })
  app.task('files.size', (bytes: Uint8Array) => bytes.length, { accepts: 'image/*' })
  app.task('mail.fail', (to: string) => {
    throw new RangeError(`no mailbox <b>${to}</b>`)
  })
  app.task({
    name: 'orders.check',
    input: z
      .object({ code: z.string() })
      .refine(({ code }) => code === 'right', { path: ['code'], error: 'is not the right one' }),
    run: async ({ code }) => code,
  })
  app.task('<i>hostile</i>\u202e', (value: unknown) => value)
}
