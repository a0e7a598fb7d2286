import fc from 'fast-check'
import type { Json } from '../../../src/dashboard/form/model/json.ts'

/** A schema, and values that fit it. */
export interface Shape {
  readonly schema: Readonly<Record<string, unknown>>
  readonly values: fc.Arbitrary<Json>
}

const name = fc.oneof(
  fc.stringMatching(/^[a-z]{1,6}$/),
  fc.constantFrom('constructor', 'toString', 'a/b', '~', '', '0', 'ä ö'),
)
/** ajv cannot have this one among `properties`. */
const anyName = fc.oneof(name, fc.constant('__proto__'))

/** Text without halves of surrogate pairs, which JSON Schema counts otherwise. */
const text = fc.string({ unit: 'grapheme', maxLength: 8 })

const strings: fc.Arbitrary<Shape> = fc.tuple(fc.nat(3), fc.nat(4)).map(([minLength, more]) => ({
  schema: { type: 'string', minLength, maxLength: minLength + more },
  values: fc.string({ minLength, maxLength: minLength + more }),
}))

const plainStrings: fc.Arbitrary<Shape> = fc.constant({ schema: { type: 'string' }, values: text })

const integers: fc.Arbitrary<Shape> = fc
  .tuple(fc.integer({ min: -50, max: 50 }), fc.nat(100))
  .map(([minimum, more]) => ({
    schema: { type: 'integer', minimum, maximum: minimum + more },
    values: fc.integer({ min: minimum, max: minimum + more }),
  }))

const numbers: fc.Arbitrary<Shape> = fc.constant({
  schema: { type: 'number' },
  values: fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => (Object.is(value, -0) ? 0 : value)),
})

const booleans: fc.Arbitrary<Shape> = fc.constant({ schema: { type: 'boolean' }, values: fc.boolean() })

const choices: fc.Arbitrary<Shape> = fc
  .uniqueArray(fc.oneof(text, fc.integer(), fc.constant(null)), { minLength: 1, maxLength: 5 })
  .map((values) => ({ schema: { enum: values }, values: fc.constantFrom(...values) }))

const constants: fc.Arbitrary<Shape> = fc
  .oneof(text, fc.integer(), fc.constant(null), fc.boolean())
  .map((value) => ({ schema: { const: value }, values: fc.constant(value) }))

const anything: fc.Arbitrary<Shape> = fc.constant({ schema: {}, values: fc.jsonValue() as fc.Arbitrary<Json> })

/** Refers to the tree in `DEFINITIONS`. */
const trees: fc.Arbitrary<Shape> = fc.constant({
  schema: { $ref: '#/$defs/tree' },
  values: treesOf(2),
})

function treesOf(depth: number): fc.Arbitrary<Json> {
  const children = depth === 0 ? fc.constant([]) : fc.array(treesOf(depth - 1), { maxLength: 2 })
  return fc.record({ value: fc.nat(9), children }) as fc.Arbitrary<Json>
}

export const DEFINITIONS = {
  $defs: {
    tree: {
      type: 'object',
      properties: {
        value: { type: 'integer', minimum: 0 },
        children: { type: 'array', items: { $ref: '#/$defs/tree' } },
      },
      required: ['value', 'children'],
      additionalProperties: false,
    },
  },
}

interface Named {
  readonly name: string
  readonly shape: Shape
  readonly required: boolean
}

/** `fc.record` would set the prototype. */
function objectOf(members: readonly Named[]): fc.Arbitrary<Json> {
  const pairs = members.map(({ name, shape, required }) =>
    (required ? shape.values : fc.option(shape.values, { nil: undefined })).map((value) => [name, value] as const),
  )
  return fc.tuple(...pairs).map((all) => Object.fromEntries(all.filter(([, value]) => value !== undefined)) as Json)
}

function objects(inner: fc.Arbitrary<Shape>): fc.Arbitrary<Shape> {
  const member = fc.record({ name, shape: inner, required: fc.boolean() })
  return fc
    .tuple(fc.uniqueArray(member, { selector: ({ name }) => name, maxLength: 4 }), fc.boolean(), fc.boolean())
    .map(([members, isClosed, isSplit]) => {
      const partOf = (some: readonly Named[]): Readonly<Record<string, unknown>> => ({
        type: 'object',
        properties: Object.fromEntries(some.map(({ name, shape }) => [name, shape.schema])),
        required: some.filter(({ required }) => required).map(({ name }) => name),
      })
      const schema = isSplit
        ? { allOf: [partOf(members.slice(0, 1)), partOf(members.slice(1))] }
        : { ...partOf(members), ...(isClosed && { additionalProperties: false }) }
      return { schema, values: objectOf(members) }
    })
}

function records(inner: fc.Arbitrary<Shape>): fc.Arbitrary<Shape> {
  return inner.map(({ schema, values }) => ({
    schema: { type: 'object', additionalProperties: schema },
    values: fc
      .uniqueArray(fc.tuple(anyName, values), { selector: ([key]) => key, maxLength: 3 })
      .map((entries) => Object.fromEntries(entries) as Json),
  }))
}

function lists(inner: fc.Arbitrary<Shape>): fc.Arbitrary<Shape> {
  return fc.tuple(inner, fc.nat(2), fc.nat(3)).map(([{ schema, values }, minItems, more]) => ({
    schema: { type: 'array', items: schema, minItems, maxItems: minItems + more },
    values: fc.array(values, { minLength: minItems, maxLength: minItems + more }) as fc.Arbitrary<Json>,
  }))
}

function tuples(inner: fc.Arbitrary<Shape>): fc.Arbitrary<Shape> {
  return fc.array(inner, { minLength: 1, maxLength: 3 }).map((items) => ({
    schema: { type: 'array', prefixItems: items.map(({ schema }) => schema), items: false, minItems: items.length },
    values: fc.tuple(...items.map(({ values }) => values)) as fc.Arbitrary<Json>,
  }))
}

function nullables(inner: fc.Arbitrary<Shape>): fc.Arbitrary<Shape> {
  return inner.map(({ schema, values }) => ({
    schema: { anyOf: [schema, { type: 'null' }] },
    values: fc.option(values, { nil: null }),
  }))
}

/** Variants that a member with a fixed value marks. */
function unions(inner: fc.Arbitrary<Shape>): fc.Arbitrary<Shape> {
  return fc.array(inner, { minLength: 2, maxLength: 3 }).map((bodies) => {
    const variants = bodies.map(({ schema, values }, index) => ({
      schema: {
        type: 'object',
        properties: { kind: { const: `k${index}` }, body: schema },
        required: ['kind', 'body'],
        additionalProperties: false,
      },
      values: values.map((body): Json => ({ kind: `k${index}`, body })),
    }))
    return {
      schema: { oneOf: variants.map(({ schema }) => schema) },
      values: fc.oneof(...variants.map(({ values }) => values)),
    }
  })
}

const mixed: fc.Arbitrary<Shape> = fc.constant({
  schema: { type: ['string', 'integer', 'boolean'] },
  values: fc.oneof(text, fc.integer(), fc.boolean()) as fc.Arbitrary<Json>,
})

const simple = fc.oneof(strings, plainStrings, integers, numbers, booleans, choices, constants, anything, mixed, trees)

/** Any of them, within each other. */
export const shapes: fc.Arbitrary<Shape> = fc.letrec<{ shape: Shape }>((tie) => {
  const inner = tie('shape')
  return {
    shape: fc.oneof(
      { maxDepth: 3, depthIdentifier: 'shape' },
      simple,
      objects(inner),
      objects(inner),
      records(inner),
      lists(inner),
      tuples(inner),
      nullables(inner),
      unions(inner),
    ),
  }
}).shape

/** A schema with a value that fits it; the definitions are in it. */
export const cases: fc.Arbitrary<{ readonly schema: Readonly<Record<string, unknown>>; readonly value: Json }> =
  shapes.chain(({ schema, values }) => values.map((value) => ({ schema: { ...DEFINITIONS, ...schema }, value })))
