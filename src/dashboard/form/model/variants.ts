import { isSame, type Json } from './json.ts'
import { merge, valuesOf } from './merge.ts'
import type { AnySchema, Schema } from './schema.ts'
import type { Schemas } from './schemas.ts'
import { typeOf } from './words.ts'

/** One of what a value may be. */
export interface Variant {
  readonly title: string
  readonly schema: Schema
}

/** More are no choice for people: then JSON is the field. */
const MAX_VARIANTS = 60
const MAX_DEPTH = 8
/** What belongs to the choice and not to each of its variants. */
const OF_CHOICE = ['anyOf', 'oneOf', 'title', 'description', 'default', 'examples', 'deprecated'] as const

/** What a value may be, each as a schema of its own, choices within choices too. Undefined where there is no choice. */
export function variantsOf(schemas: Schemas, schema: Schema): readonly Schema[] | undefined {
  const found = flat(schemas, schema, 0)
  return found.length > 1 && found.length <= MAX_VARIANTS ? found : undefined
}

function flat(schemas: Schemas, schema: Schema, depth: number): readonly Schema[] {
  if (schema.const !== undefined || schema.enum !== undefined) return [schema]
  const choices = schema.anyOf ?? schema.oneOf
  if (!choices || schema.unmerged || depth > MAX_DEPTH) return byType(schema)
  const base = Object.fromEntries(
    Object.entries(schema).filter(([name]) => !OF_CHOICE.some((one) => one === name)),
  ) as Schema
  return choices
    .filter((choice: AnySchema) => choice !== false)
    .slice(0, MAX_VARIANTS + 1)
    .flatMap((choice) => flat(schemas, merge(base, schemas.of(choice)), depth + 1))
}

/** `type: ['string', 'number']` is a choice, too. */
function byType(schema: Schema): readonly Schema[] {
  if (!Array.isArray(schema.type) || schema.type.length < 2 || schema.unmerged) return [schema]
  const { title: _, description: __, default: ___, examples: ____, ...rest } = schema
  return schema.type.map((type: string) => ({ ...rest, type }))
}

/** The name of each: its title, the members that only it has with a fixed value, or its type. */
export function titled(schemas: Schemas, variants: readonly Schema[]): readonly Variant[] {
  const titles = variants.map((schema) => schema.title ?? markOf(schemas, schema) ?? typeOf(schemas, schema))
  return variants.map((schema, index) => {
    const title = titles[index] as string
    const isTaken = titles.some((other, at) => other === title && at !== index)
    return { title: isTaken ? `${title} (${index + 1})` : title, schema }
  })
}

/** `kind: "circle"`. */
function markOf(schemas: Schemas, { properties = {} }: Schema): string | undefined {
  const marks = Object.entries(properties).flatMap(([name, member]) => {
    const values = valuesOf(schemas.of(member))
    return values?.length === 1 ? [`${name}: ${JSON.stringify(values[0])}`] : []
  })
  return marks.length > 0 ? marks.join(', ') : undefined
}

/** The values of a choice whose variants are values each, as one list. */
export function choicesOf(schemas: Schemas, schema: Schema): readonly Json[] | undefined {
  const own = valuesOf(schema)
  if (own) return own
  const each = variantsOf(schemas, schema)?.map(valuesOf)
  if (!each || each.some((values) => values === undefined)) return undefined
  return each
    .flatMap((values) => values ?? [])
    .filter((value, at, all) => all.findIndex((one) => isSame(one, value)) === at)
}
