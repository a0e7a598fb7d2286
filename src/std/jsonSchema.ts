import type { StandardJSONSchemaV1 } from '@standard-schema/spec'
import type { Schema } from './schema.ts'

/** A JSON Schema of draft 2020-12, the one of OpenAPI 3.1. */
export type JsonSchema = Readonly<Record<string, unknown>>

/**
 * The JSON Schema of what goes into (`input`) or comes out of (`output`) a schema, for a place in a larger document:
 * its own references are made to start at `place`, as `#/components/schemas/x`. `{}`, anything, where the schema's
 * library cannot convert it.
 */
export function jsonSchemaOf(schema: Schema | undefined, side: 'input' | 'output', place: string): JsonSchema {
  const converter = (schema as Partial<StandardJSONSchemaV1> | undefined)?.['~standard']?.jsonSchema
  if (!converter) return {}
  let found: JsonSchema
  try {
    found = converter[side]({ target: 'draft-2020-12' })
  } catch {
    // The specification's way to say that there is none, as for a schema of Dates.
    return {}
  }
  const { $schema: _, ...own } = found
  return rebase(own, place) as JsonSchema
}

/** Every `$ref` to the schema's own root, moved. */
function rebase(value: unknown, place: string): unknown {
  if (Array.isArray(value)) return value.map((item) => rebase(item, place))
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).map(([key, item]) => {
    const isOwn = key === '$ref' && typeof item === 'string' && item.startsWith('#')
    return [key, isOwn ? `${place}${item.slice(1)}` : rebase(item, place)]
  })
  return Object.fromEntries(entries)
}
