import type { App } from '../app/app.ts'
import { type JsonSchema, jsonSchemaOf } from '../std/jsonSchema.ts'
import { type Schema, validate } from '../std/schema.ts'
import type { TaskDefinition } from '../tasks/definition.ts'

/** A call that works. */
export interface SampleCall {
  readonly task: string
  /** The body of the call, as JSON. */
  readonly body: string
}

/** How deep a value made from a schema is: some schemas contain themselves. */
const MAX_DEPTH = 6

/** A call to try: of the first task whose input is known. Undefined where there is none. */
export async function sampleCall(app: App): Promise<SampleCall | undefined> {
  for (const { definition } of app.tasks.values()) {
    const body = await bodyOf(definition)
    if (body !== undefined) return { task: definition.name, body }
  }
  return undefined
}

/** The task's own example, else a small value for each of its parameters, else one that its schema accepts. */
async function bodyOf({ style, run, input, parameters, options }: TaskDefinition): Promise<string | undefined> {
  if (options.example?.input !== undefined) return JSON.stringify(options.example.input)
  if (style === 'object') return input ? bodyFor([input], ([value]) => value) : '{}'
  // Those without a default: the function's length.
  const schemas = Array.from({ length: run.length }, (_, index) => parameters?.list[index]?.schema)
  return bodyFor(schemas, (values) => values)
}

/** A value for each schema, a number where there is none; undefined where a schema asks for what cannot be guessed. */
async function bodyFor(
  schemas: readonly (Schema | undefined)[],
  body: (values: readonly unknown[]) => unknown,
): Promise<string | undefined> {
  const values = schemas.map((schema, index) =>
    schema ? (sampleOf(jsonSchemaOf(schema, 'input', '#')) ?? {}) : index + 1,
  )
  try {
    await Promise.all(schemas.map((schema, index) => schema && validate(schema, values[index], 'sample')))
    return JSON.stringify(body(values))
  } catch {
    return undefined
  }
}

/** A small value that fits a JSON Schema, as far as that is possible: only what is required. */
export function sampleOf(schema: JsonSchema, root: JsonSchema = schema, depth: number = MAX_DEPTH): unknown {
  if (depth === 0) return null
  const inner = (value: unknown): unknown => sampleOf((value ?? {}) as JsonSchema, root, depth - 1)
  const { examples, $ref, enum: choices, const: only, type } = schema
  if (Array.isArray(examples) && examples.length > 0) return examples[0]
  if ('example' in schema) return schema.example
  if ('default' in schema) return schema.default
  if (only !== undefined) return only
  if (Array.isArray(choices)) return choices[0]
  if (typeof $ref === 'string') return inner(resolve($ref, root))
  for (const any of [schema.oneOf, schema.anyOf]) if (Array.isArray(any)) return inner(any[0])
  if (Array.isArray(schema.allOf))
    return Object.assign({}, ...schema.allOf.map((part) => inner(part)).filter((part) => typeof part === 'object'))
  switch (Array.isArray(type) ? type[0] : type) {
    case 'object':
      return objectSample(schema, inner)
    case 'array':
      return Array.from({ length: numberOf(schema.minItems) ?? 0 }, () => inner(schema.items))
    case 'integer':
    case 'number':
      return numberSample(schema)
    case 'boolean':
      return false
    case 'string':
      return textSample(schema)
    default:
      return schema.properties ? objectSample(schema, inner) : null
  }
}

function objectSample({ properties, required }: JsonSchema, inner: (schema: unknown) => unknown): unknown {
  const known = (properties ?? {}) as Record<string, unknown>
  const names = Array.isArray(required) ? (required as string[]) : []
  return Object.fromEntries(names.map((name) => [name, inner(known[name])]))
}

function numberSample(schema: JsonSchema): number {
  const above = numberOf(schema.exclusiveMinimum)
  const least = numberOf(schema.minimum) ?? (above === undefined ? undefined : above + 1)
  const most = numberOf(schema.maximum) ?? (numberOf(schema.exclusiveMaximum) ?? Number.POSITIVE_INFINITY) - 1
  const step = numberOf(schema.multipleOf)
  const value = least === undefined ? Math.min(1, most) : Math.max(least, Math.min(1, most))
  return step === undefined ? value : Math.ceil(value / step) * step
}

/** Text of the formats that are easily guessed. */
const FORMAT_SAMPLES: Readonly<Record<string, string>> = {
  email: 'mara@example.com',
  uri: 'https://example.com/',
  url: 'https://example.com/',
  date: '2026-01-01',
  time: '12:00:00Z',
  'date-time': '2026-01-01T12:00:00Z',
  uuid: '123e4567-e89b-42d3-a456-426614174000',
  ipv4: '192.0.2.1',
}

function textSample({ format, minLength }: JsonSchema): string {
  const text = (typeof format === 'string' ? FORMAT_SAMPLES[format] : undefined) ?? 'text'
  return text.padEnd(numberOf(minLength) ?? 0, 'x')
}

function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined
}

/** What a reference inside of the schema leads to. */
function resolve(ref: string, root: JsonSchema): unknown {
  const keys = ref
    .replace(/^#\/?/, '')
    .split('/')
    .filter((key) => key !== '')
  return keys.reduce<unknown>(
    (found, key) => (found as Record<string, unknown> | undefined)?.[key.replace(/~1/g, '/').replace(/~0/g, '~')],
    root,
  )
}
