import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { App } from '../../src/app/app.ts'
import { sampleCall, sampleOf } from '../../src/cli/sample.ts'
import { createLogger } from '../../src/std/log.ts'

describe('a value that fits a schema', () => {
  test.each([
    ['required members only', z.object({ size: z.number(), name: z.string().optional() })],
    [
      'bounds',
      z.object({
        a: z.number().min(5),
        b: z.int().max(-3),
        c: z.number().gt(0).lt(1.5),
        d: z.int().multipleOf(7).min(8),
      }),
    ],
    ['formats', z.object({ mail: z.email(), at: z.iso.datetime(), id: z.uuid(), link: z.url(), day: z.iso.date() })],
    [
      'lists and choices',
      z.object({ tags: z.array(z.string().min(6)).min(2), size: z.enum(['s', 'm']), on: z.boolean() }),
    ],
    [
      'unions and what is inside',
      z.object({ shape: z.union([z.object({ r: z.number() }), z.null()]), kind: z.literal('x') }),
    ],
    [
      'itself',
      z.object({
        name: z.string(),
        get next() {
          return z.object({ name: z.string() }).optional()
        },
      }),
    ],
  ])('%s', (_, schema) => {
    const sample = sampleOf(z.toJSONSchema(schema, { io: 'input' }) as Record<string, unknown>)
    expect(schema.safeParse(sample).error).toBeUndefined()
  })
})

test('the call that dev suggests works: the example, or the first task whose input can be made', async () => {
  const app = new App({ broker: 'memory:', logger: createLogger('silent') })
  expect(await sampleCall(app)).toBeUndefined()
  const strange = z.object({ code: z.string().regex(/^[A-Z]{3}-\d{4}$/) })
  app.task({ name: 'strange', input: strange, run: () => 1 })
  expect(await sampleCall(app)).toBeUndefined()
  app.task({ name: 'report', input: z.object({ pages: z.int().positive() }), run: () => 1 })
  expect(await sampleCall(app)).toEqual({ task: 'report', body: '{"pages":1}' })
  const shown = new App({ broker: 'memory:', logger: createLogger('silent') })
  shown.task({ name: 'strange', input: strange, example: { input: { code: 'ABC-0001' } }, run: () => 1 })
  expect(await sampleCall(shown)).toEqual({ task: 'strange', body: '{"code":"ABC-0001"}' })
  const plain = new App({ broker: 'memory:', logger: createLogger('silent') })
  plain.task('add', (a: number, b: number) => a + b)
  expect(await sampleCall(plain)).toEqual({ task: 'add', body: '[1,2]' })
})
