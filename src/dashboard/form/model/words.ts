import type { AnySchema, Schema } from './schema.ts'
import type { Schemas } from './schemas.ts'

const MAX_DEPTH = 3

/** A schema's type in a few words: `integer`, `string[]`, `"pdf" | "html"`. */
export function typeOf(schemas: Schemas, given: AnySchema, depth = 0): string {
  const schema = schemas.of(given)
  if (schema.const !== undefined) return JSON.stringify(schema.const)
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(' | ') || 'nothing'
  const choices = schema.anyOf ?? schema.oneOf
  if (choices && depth < MAX_DEPTH)
    return [...new Set(choices.map((one) => typeOf(schemas, one, depth + 1)))].join(' | ')
  if (schema.type === 'array' && depth < MAX_DEPTH) {
    const item = typeOf(schemas, schema.items ?? true, depth + 1)
    if (item === 'anything' || item === 'nothing') return 'array'
    return item.includes(' | ') ? `(${item})[]` : `${item}[]`
  }
  if (Array.isArray(schema.type)) return schema.type.join(' | ')
  return (schema.type as string | undefined) ?? (schema.properties ? 'object' : 'anything')
}

/** A longer pattern says nothing to people. */
const MAX_PATTERN = 60

/** What else a value must be, for people. */
export function rulesOf(schema: Schema): string {
  const { minLength, maxLength, minimum, maximum, minItems, maxItems, pattern, format } = schema
  const rules = [
    minimum !== undefined && minimum !== Number.MIN_SAFE_INTEGER && `at least ${minimum}`,
    schema.exclusiveMinimum !== undefined && `more than ${schema.exclusiveMinimum}`,
    maximum !== undefined && maximum !== Number.MAX_SAFE_INTEGER && `at most ${maximum}`,
    schema.exclusiveMaximum !== undefined && `less than ${schema.exclusiveMaximum}`,
    schema.multipleOf !== undefined && `a multiple of ${schema.multipleOf}`,
    minLength !== undefined && (minLength === 1 ? 'not empty' : `at least ${minLength} characters`),
    maxLength !== undefined && `at most ${maxLength} characters`,
    minItems !== undefined && minItems > 0 && !schema.prefixItems && `at least ${minItems} items`,
    maxItems !== undefined && !schema.prefixItems && `at most ${maxItems} items`,
    schema.uniqueItems === true && 'each item once',
    format,
    // The format says in a word what its pattern says in a line.
    pattern !== undefined && format === undefined && pattern.length <= MAX_PATTERN && `matches ${pattern}`,
    schema.default !== undefined && `default ${JSON.stringify(schema.default)}`,
  ]
  return rules.filter((rule) => typeof rule === 'string').join(', ')
}
