import { stringify } from '../../../client/json.ts'
import { type Field, type Item, type JsonField, type Member, nextId } from './field.ts'
import { fitOf, fitsType } from './fit.ts'
import { isList, isObject, isSame, type Json, type JsonObject, memberOf } from './json.ts'
import type { AnySchema, Schema } from './schema.ts'
import type { Schemas } from './schemas.ts'
import { jsonText } from './text.ts'
import { choicesOf, titled, variantsOf } from './variants.ts'

/** Required parts within required parts, before one is made only when the user wants it. */
const MAX_DEPTH = 8
/** A longer list, or object, has one field, of JSON. */
const MAX_ITEMS = 2000

/** The field of a schema, with a value, or empty. Whatever the value is, the field holds all of it. */
export function fieldOf(schemas: Schemas, given: AnySchema, value?: Json, depth = 0): Field {
  const schema = schemas.of(given)
  const field = fieldOfKind(schemas, schema, value, depth)
  return field ?? jsonField(schema, value, !isOpen(schema))
}

/** Anything is allowed. */
function isOpen(schema: Schema): boolean {
  return schema.type === undefined && !schema.enum && schema.const === undefined && !schema.properties
}

export function jsonField(schema: Schema, value: Json | undefined, isMisfit = false): JsonField {
  return {
    kind: 'json',
    schema,
    text: value === undefined ? '' : jsonText(value),
    isMisfit: value !== undefined && isMisfit,
  }
}

/** Undefined where the value does not fit the kind of field, or there is none for the schema. */
function fieldOfKind(schemas: Schemas, schema: Schema, value: Json | undefined, depth: number): Field | undefined {
  if (schema.unmerged) return undefined
  const values = choicesOf(schemas, schema)
  if (values) return choiceField(schema, values, value)
  const variants = variantsOf(schemas, schema)
  if (variants) return variantField(schemas, schema, variants, value, depth)
  if (value !== undefined && !fitsType(schema.type, value)) return undefined
  switch (schema.type ?? (schema.properties ? 'object' : schema.prefixItems ? 'array' : undefined)) {
    case 'string':
      return { kind: 'text', schema, text: typeof value === 'string' ? value : '' }
    case 'integer':
    case 'number':
      return { kind: 'number', schema, text: value === undefined ? '' : stringify(value) }
    case 'boolean':
      return { kind: 'flag', schema, value: value === true }
    case 'null':
      return { kind: 'choice', schema, values: [null], chosen: 0 }
    case 'object':
      return value === undefined || isObject(value) ? objectField(schemas, schema, value, depth) : undefined
    case 'array':
      return value === undefined || isList(value) ? listField(schemas, schema, value, depth) : undefined
    default:
      return undefined
  }
}

function choiceField(schema: Schema, values: readonly Json[], value: Json | undefined): Field | undefined {
  if (values.length === 0) return undefined
  if (value === undefined) return { kind: 'choice', schema, values, chosen: values.length === 1 ? 0 : -1 }
  const chosen = values.findIndex((one) => isSame(one, value))
  return chosen === -1 ? undefined : { kind: 'choice', schema, values, chosen }
}

/** Null and one other schema are a field with a box for null. */
function variantField(
  schemas: Schemas,
  schema: Schema,
  all: readonly Schema[],
  value: Json | undefined,
  depth: number,
): Field | undefined {
  const others = all.filter(({ type, const: only }) => type !== 'null' && only !== null)
  if (others.length < all.length) {
    const inner = value === null ? undefined : value
    const [first] = others
    if (!first) return undefined
    const isChoice = others.length > 1 && !others.every((one) => choicesOf(schemas, one))
    const rest: Schema = isChoice
      ? { anyOf: others }
      : others.length > 1
        ? { enum: others.flatMap((one) => choicesOf(schemas, one) ?? []) }
        : first
    const { title, description, default: preset, examples } = schema
    const own = {
      ...(title && { title }),
      ...(description && { description }),
      ...(preset !== undefined && { default: preset }),
      ...(examples && { examples }),
    }
    return {
      kind: 'nullable',
      schema,
      isNull: value === null,
      inner: fieldOf(schemas, { ...rest, ...own }, inner, depth),
    }
  }
  const chosen = value === undefined ? 0 : bestOf(schemas, others, value)
  if (chosen === undefined) return undefined
  const variants = titled(schemas, others)
  const fields = variants.map((one, index) =>
    index === chosen && (value !== undefined || depth < MAX_DEPTH)
      ? fieldOf(schemas, one.schema, value, depth + 1)
      : undefined,
  )
  return { kind: 'variant', schema, variants, chosen, fields }
}

/** The variant that fits best; where none does, the first of the value's type. */
function bestOf(schemas: Schemas, variants: readonly Schema[], value: Json): number | undefined {
  const fits = variants.map((one) => fitOf(schemas, one, value) ?? -1)
  const best = Math.max(...fits)
  if (best >= 0) return fits.indexOf(best)
  const found = variants.findIndex(({ type }) => type !== undefined && fitsType(type, value))
  return found === -1 ? undefined : found
}

function objectField(schemas: Schemas, schema: Schema, value: JsonObject | undefined, depth: number): Field {
  const { properties = {}, required = [], additionalProperties } = schema
  if (value && Object.keys(value).length > MAX_ITEMS) return jsonField(schema, value)
  const members = Object.entries(properties).map(([name, given]) =>
    memberField(
      schemas,
      { name, given, required: required.includes(name) },
      memberOf(value, name) as Json | undefined,
      {
        depth,
        isEmpty: value === undefined,
      },
    ),
  )
  const missing = required.filter((name) => !Object.hasOwn(properties, name))
  const named = missing.map((name) =>
    memberField(schemas, { name, given: true, required: true }, memberOf(value, name) as Json | undefined, {
      depth,
      isEmpty: value === undefined,
    }),
  )
  const others = additionalProperties ?? members.length + named.length === 0
  const extras = Object.entries(value ?? {})
    .filter(([name]) => !Object.hasOwn(properties, name) && !missing.includes(name))
    .map(([name, item]) => ({
      id: nextId(),
      name,
      field: fieldOf(schemas, others === false ? true : others, item, depth + 1),
    }))
  return { kind: 'object', schema, members: [...members, ...named], extras, others }
}

function memberField(
  schemas: Schemas,
  { name, given, required }: Pick<Member, 'name' | 'given' | 'required'>,
  value: Json | undefined,
  { depth, isEmpty }: { depth: number; isEmpty: boolean },
): Member {
  if (value !== undefined)
    return { name, given, required, isSet: true, field: fieldOf(schemas, given, value, depth + 1) }
  const isSet = isEmpty && required && depth < MAX_DEPTH
  return { name, given, required, isSet, field: isSet ? fieldOf(schemas, given, undefined, depth + 1) : undefined }
}

function listField(schemas: Schemas, schema: Schema, value: readonly Json[] | undefined, depth: number): Field {
  const { prefixItems = [], items = true, minItems = 0, maxItems = Number.POSITIVE_INFINITY } = schema
  if (value && value.length > MAX_ITEMS) return jsonField(schema, value)
  const slots = prefixItems.map((given, index) =>
    memberField(
      schemas,
      { name: schemas.of(given).title ?? `${index + 1}`, given, required: index < minItems },
      value?.[index],
      {
        depth,
        isEmpty: value === undefined,
      },
    ),
  )
  const others = maxItems <= prefixItems.length ? false : items
  const behind: Item[] = (value ?? []).slice(prefixItems.length).map((item) => ({
    id: nextId(),
    field: fieldOf(schemas, others === false ? true : others, item, depth + 1),
  }))
  if (value === undefined && depth < MAX_DEPTH)
    while (slots.length + behind.length < Math.min(minItems, 20))
      behind.push({ id: nextId(), field: fieldOf(schemas, others, undefined, depth + 1) })
  return { kind: 'list', schema, slots, items: behind, others }
}

/** An empty field, as far as its own kind goes. */
export function shallowField(schemas: Schemas, given: AnySchema): Field {
  return fieldOf(schemas, given, undefined, MAX_DEPTH)
}
