import { isSame, type Json } from './json.ts'
import type { AnySchema, Schema } from './schema.ts'

/**
 * One schema that allows what both allow. What describes a value, as its title, is that of the second. Of two choices
 * there is no simple one: then it is `unmerged`.
 */
export function merge(first: Schema, second: Schema): Schema {
  const merged: Record<string, unknown> = { ...first, ...second }
  const put = <K extends keyof Schema>(
    name: K,
    both: (a: NonNullable<Schema[K]>, b: NonNullable<Schema[K]>) => unknown,
  ) => {
    const [a, b] = [first[name], second[name]]
    if (a !== undefined && b !== undefined)
      merged[name] = both(a as NonNullable<Schema[K]>, b as NonNullable<Schema[K]>)
  }
  put('type', typesOfBoth)
  put('enum', (a, b) => a.filter((one) => b.some((other) => isSame(one, other))))
  put('properties', (a, b) => propertiesOfBoth(a, b))
  put('required', (a, b) => [...new Set([...a, ...b])])
  put('additionalProperties', schemaOfBoth)
  put('items', schemaOfBoth)
  put('prefixItems', (a, b) => itemsOfBoth(a, b))
  for (const name of ['minLength', 'minimum', 'exclusiveMinimum', 'minItems'] as const) put(name, Math.max)
  for (const name of ['maxLength', 'maximum', 'exclusiveMaximum', 'maxItems'] as const) put(name, Math.min)
  if (hasChoice(first) && hasChoice(second)) merged.unmerged = true
  if (first.const !== undefined && second.const !== undefined && !isSame(first.const, second.const))
    merged.unmerged = true
  return merged as Schema
}

function hasChoice({ anyOf, oneOf }: Schema): boolean {
  return anyOf !== undefined || oneOf !== undefined
}

/** Each integer is a number. */
function typesOfBoth(
  first: string | readonly string[],
  second: string | readonly string[],
): string | readonly string[] {
  const [a, b] = [[first].flat(), [second].flat()]
  const both = [
    ...a.filter((type) => b.includes(type) || (type === 'integer' && b.includes('number'))),
    ...b.filter((type) => type === 'integer' && a.includes('number') && !a.includes('integer')),
  ]
  return both.length === 1 ? (both[0] as string) : both
}

type Properties = Readonly<Record<string, AnySchema>>

function propertiesOfBoth(first: Properties, second: Properties): Properties {
  const names = [...new Set([...Object.keys(first), ...Object.keys(second)])]
  return Object.fromEntries(
    names.map((name) => {
      const a = Object.hasOwn(first, name) ? first[name] : undefined
      const b = Object.hasOwn(second, name) ? second[name] : undefined
      return [name, schemaOfBoth(a ?? true, b ?? true)]
    }),
  )
}

function itemsOfBoth(first: readonly AnySchema[], second: readonly AnySchema[]): readonly AnySchema[] {
  const length = Math.max(first.length, second.length)
  return Array.from({ length }, (_, index) => schemaOfBoth(first[index] ?? true, second[index] ?? true))
}

function schemaOfBoth(first: AnySchema, second: AnySchema): AnySchema {
  if (first === true) return second
  if (second === true) return first
  if (first === false || second === false) return false
  return { allOf: [first, second] }
}

/** The values of a schema that allows these alone; undefined for all others. */
export function valuesOf(schema: Schema): readonly Json[] | undefined {
  if (schema.const !== undefined) return [schema.const]
  return Array.isArray(schema.enum) ? schema.enum : undefined
}
