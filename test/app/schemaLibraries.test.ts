import { toStandardJsonSchema } from '@valibot/to-json-schema'
import { type } from 'arktype'
import * as v from 'valibot'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { Celeriac } from '../../src/index.ts'
import { jsonSchemaOf } from '../../src/std/jsonSchema.ts'

const valibot = v.object({
  pages: v.pipe(v.number(), v.integer(), v.minValue(1)),
  title: v.optional(v.string(), 'none'),
})

/** The same input in the words of each library. valibot says its JSON Schema only through a package of its own. */
const inputs = {
  zod: z.object({ pages: z.int().min(1), title: z.string().default('none') }),
  arktype: type({ pages: 'number.integer >= 1', title: 'string = "none"' }),
  valibot: toStandardJsonSchema(valibot),
  'valibot without its package': valibot,
}

test.each(Object.entries(inputs))('%s checks an input, and the task gets its defaults', async (_, input) => {
  await using app = new Celeriac({ alwaysEager: true, logger: false })
  const task = app.task({ name: 'report', input: input as typeof inputs.zod, run: (given) => given })
  expect(await (await task.delay({ pages: 2 })).get()).toEqual({ pages: 2, title: 'none' })
  expect(() => task.delay({ pages: 0 })).toThrow(/^task report: pages: /)
})

test.each(['zod', 'arktype', 'valibot'] as const)('%s says its JSON Schema', (name) => {
  const { properties, required } = jsonSchemaOf(inputs[name], 'input', 'here')
  expect(properties).toMatchObject({ pages: { type: 'integer', minimum: 1 }, title: { type: 'string' } })
  expect(required).toEqual(['pages'])
})

test('valibot without its package says none: any value, and no guess', () => {
  expect(jsonSchemaOf(inputs['valibot without its package'], 'input', 'here')).toEqual({})
})
