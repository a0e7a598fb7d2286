import { toJsonSchema } from '@valibot/to-json-schema'
import { type } from 'arktype'
import * as v from 'valibot'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { parse, stringify } from '../../../src/client/json.ts'
import { fieldOf } from '../../../src/dashboard/form/model/build.ts'
import {
  addItem,
  changeMember,
  chooseVariant,
  moveItem,
  openMember,
  setMember,
} from '../../../src/dashboard/form/model/edit.ts'
import type { Field, ListField, ObjectField, VariantField } from '../../../src/dashboard/form/model/field.ts'
import { type Json, pointerOf, stepsOf } from '../../../src/dashboard/form/model/json.ts'
import { nameOf } from '../../../src/dashboard/form/model/place.ts'
import { read } from '../../../src/dashboard/form/model/read.ts'
import type { AnySchema } from '../../../src/dashboard/form/model/schema.ts'
import { Schemas } from '../../../src/dashboard/form/model/schemas.ts'
import { numberOfText, valueOfText } from '../../../src/dashboard/form/model/text.ts'
import { ORDER } from './tasks.ts'

const make = (schema: AnySchema, value?: Json): { schemas: Schemas; field: Field } => {
  const schemas = new Schemas(schema)
  return { schemas, field: fieldOf(schemas, schema, value) }
}
const kinds = (field: Field): Record<string, string> =>
  Object.fromEntries(
    (field as ObjectField).members.map(({ name, field: inner }) => [
      name,
      inner?.kind === 'nullable' ? `${inner.kind} ${inner.inner.kind}` : (inner?.kind ?? 'left out'),
    ]),
  )
const messages = (schema: AnySchema, value?: Json): string[] =>
  read(make(schema, value).field).issues.map(({ path, message }) => `${pointerOf(path)} ${message}`)

describe('a field of its own', () => {
  test('for what zod makes', () => {
    const { field } = make(z.toJSONSchema(ORDER, { io: 'input' }) as AnySchema)
    expect(kinds(field)).toMatchObject({
      customer: 'text',
      quantity: 'number',
      express: 'flag',
      note: 'nullable text',
      payment: 'variant',
      address: 'left out',
    })
    const payment = (field as ObjectField).members.find(({ name }) => name === 'payment')?.field as VariantField
    expect(payment.variants.map(({ title }) => title)).toEqual(['kind: "card"', 'kind: "invoice"'])
  })

  test('for what valibot and arktype make', () => {
    const schema = v.object({
      at: v.pipe(v.string(), v.isoTimestamp()),
      size: v.picklist(['a', 'b']),
      deep: v.nullable(v.array(v.number())),
      either: v.union([v.string(), v.object({ x: v.number() })]),
    })
    expect(kinds(make(toJsonSchema(schema) as AnySchema).field)).toEqual({
      at: 'text',
      size: 'choice',
      deep: 'nullable list',
      either: 'variant',
    })
    const ark = type({ name: 'string > 1', 'age?': 'number.integer', role: "'admin' | 'user'", tags: 'string[]' })
    const value = { name: 'Ann', age: 3, role: 'user', tags: ['x'] }
    const { field } = make(ark.toJsonSchema() as AnySchema, value)
    expect(kinds(field)).toEqual({ name: 'text', age: 'number', role: 'choice', tags: 'list' })
    expect(read(field)).toEqual({ value, issues: [] })
  })

  test('for parameters: those that are not set at the end are left out, null stands for others', () => {
    const schema = {
      type: 'array',
      items: {},
      prefixItems: [{ title: 'x', type: 'number' }, { title: 'y', type: 'number' }, { title: 'z' }],
      minItems: 1,
      maxItems: 3,
    } as const
    const { schemas, field } = make(schema, [1])
    const list = field as ListField
    expect(list.slots.map(({ name, required, isSet }) => [name, required, isSet])).toEqual([
      ['x', true, true],
      ['y', false, false],
      ['z', false, false],
    ])
    const last = list.slots[2]!
    const filled = changeMember(last, { ...openMember(schemas, last), text: 'a text' } as Field)
    expect(read({ ...list, slots: list.slots.with(2, filled) }).value).toEqual([1, null, 'a text'])
    expect(nameOf(list, [1])).toBe('y')
    expect(messages(schema)).toEqual(['#/0 This is required'])
  })

  test('for parts of allOf, references and schemas that contain themselves', () => {
    const schema = {
      $defs: {
        base: { type: 'object', properties: { id: { type: 'integer', minimum: 1 } }, required: ['id'] },
        node: { type: 'object', properties: { next: { $ref: '#/$defs/node' } }, required: ['next'] },
        loop: { $ref: '#/$defs/loop' },
      },
      allOf: [
        { $ref: '#/$defs/base' },
        {
          properties: { id: { maximum: 9 }, node: { $ref: '#/$defs/node' }, loop: { $ref: '#/$defs/loop' } },
          required: ['node'],
        },
      ],
    }
    const { field } = make(schema, { id: 12 })
    expect(kinds(field)).toEqual({ id: 'number', node: 'left out', loop: 'left out' })
    expect(read(field).issues.map(({ message }) => message)).toEqual(['Expected at most 9, got 12', 'This is required'])
    expect(stringify(read(make(schema).field).value).length).toBeLessThan(200)
  })

  test('of JSON, for what is allowed nowhere or cannot be merged', () => {
    expect(make({ enum: [] }).field.kind).toBe('json')
    expect(make(false).field.kind).toBe('json')
    const both = {
      allOf: [{ anyOf: [{ type: 'string' }, { type: 'number' }] }, { oneOf: [{ type: 'string' }, { type: 'null' }] }],
    }
    expect(make(both as AnySchema).field.kind).toBe('json')
    expect(messages({ type: 'array', unmerged: true }, { x: 1 })).toEqual(['# Expected array'])
  })
})

describe('what a user does', () => {
  test('another variant keeps what was in the first', () => {
    const schema = { oneOf: [{ type: 'string' }, { type: 'array', items: { type: 'number' } }] } as const
    const { schemas, field } = make(schema, 'kept')
    const list = chooseVariant(schemas, field as VariantField, 1)
    expect(read(list).value).toEqual([])
    expect(read(chooseVariant(schemas, list, 0)).value).toBe('kept')
  })

  test('what is left out keeps its field; a default is what it begins with', () => {
    const schema = {
      type: 'object',
      properties: { tags: { type: 'array', items: { type: 'string' }, default: ['a'] } },
    } as const
    const { schemas, field } = make(schema)
    const member = (field as ObjectField).members[0]!
    expect(read(field).value).toEqual({})
    const set = setMember(member, openMember(schemas, member))
    expect(read({ ...field, members: [set] } as ObjectField).value).toEqual({ tags: ['a'] })
    const left = setMember(set, undefined)
    expect(read({ ...field, members: [left] } as ObjectField).value).toEqual({})
    expect(read(openMember(schemas, left)).value).toEqual(['a'])
  })

  test('items move', () => {
    const { schemas, field } = make({ type: 'array', items: { type: 'integer' } }, [1, 2, 3])
    expect(read(moveItem(field as ListField, 0, 2)).value).toEqual([2, 3, 1])
    expect(read(addItem(schemas, field as ListField)).issues).toEqual([{ path: [3], message: 'This is required' }])
  })
})

test('numbers keep their digits; what is no number is none', () => {
  expect(['1', ' -2 ', '1.5', '.5', '1e3', '9007199254740993', '+7'].map(numberOfText)).toEqual([
    1,
    -2,
    1.5,
    0.5,
    1000,
    9007199254740993n,
    7,
  ])
  for (const text of ['', 'x', '1x', '0x10', '1e999', 'Infinity', `${'1'.repeat(100_000)}x`])
    expect(numberOfText(text)).toBeUndefined()
  const digits = '[12345678901234567890]'
  expect(stringify(read(make({ type: 'array', items: { type: 'integer' } }, parse(digits) as Json).field).value)).toBe(
    digits,
  )
})

test('any value is JSON, or a text that is no JSON', () => {
  expect(['5', 'true', 'a text', '"5"', '[1]'].map(valueOfText)).toEqual([5, true, 'a text', '5', [1]])
  expect(() => valueOfText('["red"')).toThrow(SyntaxError)
})

test('rules are checked as a user expects', () => {
  const schema = {
    type: 'object',
    properties: {
      a: { type: 'string', minLength: 2, maxLength: 3 },
      b: { type: 'array', items: {}, uniqueItems: true, maxItems: 2 },
      c: { type: 'number', exclusiveMinimum: 0, multipleOf: 5 },
      d: { enum: ['x', 'y'] },
      // A pattern that would take for ever is not run.
      e: { type: 'string', pattern: '^(a+)+$' },
    },
    required: ['a', 'd'],
  } as const
  expect(messages(schema, { a: '😀', b: [1, 1, 2], c: 3, d: 'x', e: `${'a'.repeat(50)}!` })).toEqual([
    '#/a Expected at least 2 characters, got 1',
    '#/b Expected at most 2 items, got 3',
    '#/b/1 This is there already',
    '#/c Expected a multiple of 5, got 3',
  ])
  expect(messages(schema)).toEqual(['#/a This is required', '#/d Choose one'])
})

test('pointers go back and forth', () => {
  for (const path of [[], ['a/b', '~', '', 0], ['ä %', '\u202e']])
    expect(stepsOf(pointerOf(path))).toEqual(path.map(String))
})

test('10 MB of values are no trouble', () => {
  const big: Json = { text: 'x'.repeat(5_000_000), list: Array.from({ length: 100_000 }, (_, index) => index) }
  const begin = performance.now()
  const { field } = make({ type: 'object', properties: { list: { type: 'array', items: { type: 'integer' } } } }, big)
  expect(read(field).value).toEqual(big)
  expect(performance.now() - begin).toBeLessThan(3000)
})
