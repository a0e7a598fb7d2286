import type { Field, ListField, Member, ObjectField } from './field.ts'
import { fitsType } from './fit.ts'
import { isSame, type Json, type Path } from './json.ts'
import type { Schema } from './schema.ts'
import { numberOfText, valueOfText } from './text.ts'

/** What is wrong, and where. */
export interface Issue {
  readonly path: Path
  readonly message: string
}

export interface Reading {
  /** Undefined: nothing is there. What cannot be read is there as the text that it is. */
  readonly value: Json | undefined
  readonly issues: readonly Issue[]
}

const REQUIRED = 'This is required'

/** The value of a form. Formats and patterns are left to the server. */
export function read(field: Field): Reading {
  const issues: Issue[] = []
  const value = valueOfField(field, [], issues)
  if (value === undefined && issues.length === 0) issues.push({ path: [], message: REQUIRED })
  return { value, issues }
}

function valueOfField(field: Field, path: Path, issues: Issue[]): Json | undefined {
  const wrong = (message: string): void => void issues.push({ path, message })
  switch (field.kind) {
    case 'text':
      for (const message of textProblems(field.text, field.schema)) wrong(message)
      return field.text
    case 'number':
      return numberOf(field.text, field.schema, wrong)
    case 'flag':
      return field.value
    case 'choice':
      if (field.chosen === -1) wrong('Choose one')
      return field.values[field.chosen]
    case 'object':
      return objectOf(field, path, issues)
    case 'list':
      return listOf(field, path, issues)
    case 'nullable':
      return field.isNull ? null : valueOfField(field.inner, path, issues)
    case 'variant': {
      const inner = field.fields[field.chosen]
      if (!inner) wrong(REQUIRED)
      return inner && valueOfField(inner, path, issues)
    }
    case 'json':
      return jsonOf(field.text, field.schema, wrong)
  }
}

function jsonOf(text: string, { type }: Schema, wrong: (message: string) => void): Json | undefined {
  if (text.trim() === '') {
    wrong(REQUIRED)
    return undefined
  }
  try {
    const value = valueOfText(text)
    if (!fitsType(type, value)) wrong(`Expected ${[type].flat().join(' or ')}`)
    return value
  } catch (error) {
    wrong(`Not JSON: ${(error as Error).message}`)
    return text
  }
}

function numberOf(text: string, schema: Schema, wrong: (message: string) => void): Json | undefined {
  if (text.trim() === '') {
    wrong(REQUIRED)
    return undefined
  }
  const value = numberOfText(text)
  const noun = schema.type === 'integer' ? 'an integer' : 'a number'
  if (value === undefined) {
    wrong(`Expected ${noun}, got ${JSON.stringify(text.slice(0, 40))}`)
    return text
  }
  if (schema.type === 'integer' && typeof value === 'number' && !Number.isInteger(value))
    wrong(`Expected an integer, got ${text.trim()}`)
  for (const expected of numberProblems(value, schema)) wrong(`Expected ${expected}, got ${text.trim()}`)
  return value
}

function numberProblems(value: number | bigint, schema: Schema): readonly string[] {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf } = schema
  const found: string[] = []
  if (minimum !== undefined && value < minimum) found.push(`at least ${minimum}`)
  if (exclusiveMinimum !== undefined && value <= exclusiveMinimum) found.push(`more than ${exclusiveMinimum}`)
  if (maximum !== undefined && value > maximum) found.push(`at most ${maximum}`)
  if (exclusiveMaximum !== undefined && value >= exclusiveMaximum) found.push(`less than ${exclusiveMaximum}`)
  // Of fractions only the server knows: they are not exact.
  if (
    Number.isSafeInteger(multipleOf) &&
    Number.isSafeInteger(value) &&
    (value as number) % (multipleOf as number) !== 0
  )
    found.push(`a multiple of ${multipleOf}`)
  return found
}

function textProblems(
  text: string,
  { minLength = 0, maxLength = Number.POSITIVE_INFINITY }: Schema,
): readonly string[] {
  // A character may be two units: a quick look is enough for most.
  if (text.length >= 2 * minLength && text.length <= maxLength) return []
  const length = Array.from(text).length
  if (length < minLength) return [length === 0 ? REQUIRED : `Expected at least ${minLength} characters, got ${length}`]
  return length > maxLength ? [`Expected at most ${maxLength} characters, got ${length}`] : []
}

function objectOf({ members, extras }: ObjectField, path: Path, issues: Issue[]): Json {
  const entries = members.flatMap((member): [string, Json][] => {
    const value = memberValue(member, [...path, member.name], issues)
    return value === undefined ? [] : [[member.name, value]]
  })
  const names = new Set(members.map(({ name }) => name))
  for (const { name, field } of extras) {
    const at = [...path, name]
    if (names.has(name)) issues.push({ path: at, message: `There is another ${JSON.stringify(name)}` })
    names.add(name)
    const value = valueOfField(field, at, issues)
    if (value !== undefined) entries.push([name, value])
  }
  return Object.fromEntries(entries)
}

function memberValue({ isSet, required, field }: Member, path: Path, issues: Issue[]): Json | undefined {
  if (isSet && field) return valueOfField(field, path, issues)
  if (required) issues.push({ path, message: REQUIRED })
  return undefined
}

/** Of arguments those behind the last that is set are left out; null stands for others. */
function listOf({ slots, items, schema }: ListField, path: Path, issues: Issue[]): Json {
  const last = items.length > 0 ? slots.length : slots.findLastIndex(({ isSet }) => isSet) + 1
  const begin = slots.map((slot, index) => memberValue(slot, [...path, index], issues) ?? null).slice(0, last)
  const rest = items.map(({ field }, index) => valueOfField(field, [...path, slots.length + index], issues) ?? null)
  const list = [...begin, ...rest]
  const { minItems = 0, maxItems = Number.POSITIVE_INFINITY, uniqueItems } = schema
  if (list.length < minItems && last === slots.length)
    issues.push({ path, message: `Expected at least ${minItems} items, got ${list.length}` })
  if (list.length > maxItems) issues.push({ path, message: `Expected at most ${maxItems} items, got ${list.length}` })
  if (uniqueItems && list.length <= 200) issues.push(...repeated(list, path))
  return list
}

function repeated(list: readonly Json[], path: Path): readonly Issue[] {
  return list.flatMap((item, index) =>
    list.slice(0, index).some((other) => isSame(item, other))
      ? [{ path: [...path, index], message: 'This is there already' }]
      : [],
  )
}
