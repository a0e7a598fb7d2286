import type { Json } from './json.ts'
import type { AnySchema, Schema } from './schema.ts'
import type { Schemas } from './schemas.ts'
import { choicesOf, variantsOf } from './variants.ts'

const MAX_DEPTH = 6
const MAX_ITEMS = 20

/** A value that fits a schema: its example, its default, or the plainest there is. */
export function sampleOf(schemas: Schemas, given: AnySchema, depth = 0): Json {
  const schema = schemas.of(given)
  const example = schema.examples?.[0] ?? (schema as { example?: Json }).example ?? schema.default
  if (example !== undefined) return example
  const values = choicesOf(schemas, schema)
  if (values) return values[0] ?? null
  const [first] = variantsOf(schemas, schema) ?? []
  if (first) return sampleOf(schemas, first, depth + 1)
  switch (schema.type ?? (schema.properties ? 'object' : schema.prefixItems ? 'array' : undefined)) {
    case 'object':
      return depth > MAX_DEPTH ? {} : sampleObject(schemas, schema, depth)
    case 'array':
      return depth > MAX_DEPTH ? [] : sampleList(schemas, schema, depth)
    case 'integer':
    case 'number':
      return sampleNumber(schema)
    case 'boolean':
      return false
    case 'string':
      return sampleText(schema)
    default:
      return null
  }
}

function sampleObject(schemas: Schemas, { properties = {}, required = [] }: Schema, depth: number): Json {
  const wanted = required.map((name) => [name, Object.hasOwn(properties, name) ? properties[name] : true] as const)
  return Object.fromEntries(wanted.map(([name, member]) => [name, sampleOf(schemas, member ?? true, depth + 1)]))
}

function sampleList(schemas: Schemas, schema: Schema, depth: number): Json {
  const { prefixItems = [], items = true, minItems = 0 } = schema
  const length = Math.min(minItems, MAX_ITEMS)
  return Array.from({ length }, (_, index) => sampleOf(schemas, prefixItems[index] ?? items, depth + 1))
}

function sampleNumber(schema: Schema): number {
  const { type, minimum, exclusiveMinimum, maximum, exclusiveMaximum, multipleOf } = schema
  const step = multipleOf ?? (type === 'integer' ? 1 : 0.5)
  const low = exclusiveMinimum === undefined ? (minimum ?? Number.NEGATIVE_INFINITY) : exclusiveMinimum + step
  const high = exclusiveMaximum === undefined ? (maximum ?? Number.POSITIVE_INFINITY) : exclusiveMaximum - step
  const near = Math.min(Math.max(1, low), high)
  const whole = type === 'integer' ? Math.ceil(near) : near
  return multipleOf === undefined ? whole : Math.ceil(whole / multipleOf) * multipleOf
}

const FORMATS: Readonly<Record<string, () => string>> = {
  email: () => 'ann@example.com',
  'date-time': () => `${new Date().toISOString().slice(0, 19)}Z`,
  date: () => new Date().toISOString().slice(0, 10),
  time: () => '12:00:00',
  duration: () => 'PT1H',
  uri: () => 'https://example.com/',
  hostname: () => 'example.com',
  ipv4: () => '192.0.2.1',
  ipv6: () => '2001:db8::1',
  uuid: () => '3f0c6a1e-8d2b-4c57-9a41-5b7e2f9d1c08',
}

function sampleText({ format, minLength = 0, maxLength = 20 }: Schema): string {
  const known = format !== undefined && Object.hasOwn(FORMATS, format) ? FORMATS[format] : undefined
  if (known) return known()
  return 'example'.padEnd(Math.min(minLength, 1000), '.').slice(0, Math.max(maxLength, minLength))
}
