import { isList, isObject, isSame, type Json, memberOf } from './json.ts'
import { valuesOf } from './merge.ts'
import type { AnySchema, Schema } from './schema.ts'
import type { Schemas } from './schemas.ts'

/** How deep a value is looked at: enough to know variants apart. */
const MAX_DEPTH = 6
/** Items of a list that are looked at. */
const MAX_ITEMS = 50

/**
 * How well a value fits a schema: undefined where it does not, else the more, the more of the value the schema names.
 * Rules about length and size are left to the server.
 */
export function fitOf(schemas: Schemas, given: AnySchema, value: Json, depth = 0): number | undefined {
  if (given === false) return undefined
  const schema = schemas.of(given)
  if (depth > MAX_DEPTH) return 0
  const values = valuesOf(schema)
  if (values) return values.some((one) => isSame(one, value)) ? 2 : undefined
  if (!fitsType(schema.type, value)) return undefined
  const inside = isObject(value)
    ? fitOfObject(schemas, schema, value, depth)
    : isList(value)
      ? fitOfList(schemas, schema, value, depth)
      : 0
  if (inside === undefined) return undefined
  const choice = fitOfChoice(schemas, schema, value, depth)
  return choice === undefined ? undefined : inside + choice + (schema.type === undefined ? 0 : 1)
}

function fitOfChoice(schemas: Schemas, { anyOf, oneOf }: Schema, value: Json, depth: number): number | undefined {
  const choices = anyOf ?? oneOf
  if (!choices) return 0
  const found = choices.map((one) => fitOf(schemas, one, value, depth + 1)).filter((one) => one !== undefined)
  return found.length === 0 ? undefined : Math.max(...found)
}

function fitOfObject(
  schemas: Schemas,
  { properties = {}, required = [], additionalProperties = true }: Schema,
  value: Readonly<Record<string, Json>>,
  depth: number,
): number | undefined {
  if (required.some((name) => memberOf(value, name) === undefined)) return undefined
  let sum = 0
  for (const [name, member] of Object.entries(value)) {
    const isKnown = Object.hasOwn(properties, name)
    const schema = isKnown ? (properties[name] as AnySchema) : additionalProperties
    const found = fitOf(schemas, schema, member, depth + 1)
    if (found === undefined) return undefined
    sum += isKnown ? found + 1 : 0
  }
  return sum
}

function fitOfList(
  schemas: Schemas,
  { prefixItems = [], items = true, minItems = 0, maxItems = Number.POSITIVE_INFINITY }: Schema,
  value: readonly Json[],
  depth: number,
): number | undefined {
  if (value.length < minItems || value.length > maxItems) return undefined
  let sum = 0
  for (const [index, item] of value.slice(0, MAX_ITEMS).entries()) {
    const found = fitOf(schemas, prefixItems[index] ?? items, item, depth + 1)
    if (found === undefined) return undefined
    sum += found
  }
  return sum
}

/** By its `type` alone. */
export function fitsType(type: Schema['type'], value: Json): boolean {
  return type === undefined || [type].flat().some((one) => isOfType(one, value))
}

function isOfType(type: string, value: Json): boolean {
  switch (type) {
    case 'null':
      return value === null
    case 'integer':
      return typeof value === 'bigint' || Number.isInteger(value)
    case 'number':
      return typeof value === 'bigint' || typeof value === 'number'
    case 'object':
      return isObject(value)
    case 'array':
      return isList(value)
    default:
      return typeof value === type
  }
}
