import { Ajv2020 } from 'ajv/dist/2020.js'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parse, stringify } from '../../../src/client/json.ts'
import { fieldOf } from '../../../src/dashboard/form/model/build.ts'
import type { Field } from '../../../src/dashboard/form/model/field.ts'
import { isSame, type Json } from '../../../src/dashboard/form/model/json.ts'
import { read } from '../../../src/dashboard/form/model/read.ts'
import { sampleOf } from '../../../src/dashboard/form/model/sample.ts'
import type { AnySchema } from '../../../src/dashboard/form/model/schema.ts'
import { Schemas } from '../../../src/dashboard/form/model/schemas.ts'
import { isFull } from '../../tier.ts'
import { cases, shapes } from './shapes.ts'
import { typed } from './typist.ts'

// One for all: each would compile the schema of schemas.
const ajv = new Ajv2020({ strict: false, validateFormats: false, ownProperties: true, validateSchema: false })
const isValid = (schema: object, value: unknown): boolean =>
  ajv.validate(schema, value === undefined ? undefined : JSON.parse(stringify(value)))

const form = (schema: AnySchema, value?: Json): Field => fieldOf(new Schemas(schema), schema, value)
/** As JSON says it: of a number beyond 2^53 all digits. */
const expectSame = (got: Json | undefined, value: Json): void => {
  const wanted = parse(stringify(value)) as Json
  if (got === undefined || !isSame(parse(stringify(got)), wanted)) expect(got).toEqual(wanted)
}

describe('for generated schemas', () => {
  const runs = { numRuns: isFull ? 300 : 60 }

  test('a value becomes a form, and the same value again', () => {
    fc.assert(
      fc.property(cases, ({ schema, value }) => {
        expect(isValid(schema, value)).toBe(true)
        const { value: back, issues } = read(form(schema as AnySchema, value))
        expectSame(back, value)
        expect(issues).toEqual([])
      }),
      runs,
    )
  })

  test('so does one that does not fit', () => {
    fc.assert(
      fc.property(shapes, fc.jsonValue() as fc.Arbitrary<Json>, ({ schema }, value) => {
        expectSame(read(form(schema as AnySchema, value)).value, value)
      }),
      runs,
    )
  })

  test('what is put into an empty form fits the schema, and is what was put in', () => {
    fc.assert(
      fc.property(cases, ({ schema, value }) => {
        const schemas = new Schemas(schema)
        const { value: got, issues } = read(typed(schemas, fieldOf(schemas, schema as AnySchema), value))
        expectSame(got, value)
        expect(issues).toEqual([])
        expect(isValid(schema, got)).toBe(true)
      }),
      runs,
    )
  })

  test('an empty form fits the schema, or says what is missing', () => {
    fc.assert(
      fc.property(cases, ({ schema }) => {
        const { value, issues } = read(form(schema as AnySchema))
        if (issues.length === 0) expect(isValid(schema, value)).toBe(true)
      }),
      runs,
    )
  })

  test('a sample fits the schema', () => {
    fc.assert(
      fc.property(cases, ({ schema }) => {
        expect(isValid(schema, sampleOf(new Schemas(schema), schema as AnySchema))).toBe(true)
      }),
      runs,
    )
  })
})
