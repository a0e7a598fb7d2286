import { isObject, memberOf } from '../form/model/json.ts'
import type { AnySchema } from '../form/model/schema.ts'

/** The description of an API, as far as the pages read it. */
export interface OpenApi {
  readonly info: { readonly title: string; readonly description?: string }
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: {
    readonly securitySchemes?: Readonly<Record<string, unknown>>
    readonly parameters?: Readonly<Record<string, unknown>>
  }
}

export interface Operation {
  readonly summary?: string
  readonly parameters?: readonly { readonly $ref?: string }[]
  readonly requestBody?: { readonly content?: Readonly<Record<string, { readonly schema?: AnySchema }>> }
  readonly responses?: unknown
  readonly 'x-celeriac-task'?: string
  readonly 'x-celeriac-result-type'?: string
}

/** A task that the API exposes. */
export interface ExposedTask {
  readonly name: string
  /** Of the route that calls it. */
  readonly path: string
  readonly description: string | undefined
  readonly input: AnySchema
  readonly result: AnySchema
  readonly progress: AnySchema
  /** Media type of its result, where that is no JSON. */
  readonly resultType: string | undefined
  /** Media types that it takes in place of JSON. */
  readonly types: readonly string[]
  readonly hasWebhooks: boolean
  /** Its input may be put before the call. */
  readonly hasUploads: boolean
}

/** Every task, in the order of the document. */
export function tasksOf({ paths }: OpenApi): readonly ExposedTask[] {
  return Object.entries(paths).flatMap(([path, { post }]) => {
    const name = post?.['x-celeriac-task']
    return post === undefined || name === undefined ? [] : [taskOf(name, path, post)]
  })
}

/** Some request of the API has this one. */
export function hasParameter({ components }: OpenApi, name: string): boolean {
  return components.parameters !== undefined && Object.hasOwn(components.parameters, name)
}

function taskOf(name: string, path: string, operation: Operation): ExposedTask {
  const { requestBody, summary, parameters = [] } = operation
  const { 'application/json': json, ...others } = requestBody?.content ?? {}
  const has = (parameter: string): boolean =>
    parameters.some(({ $ref }) => $ref === `#/components/parameters/${parameter}`)
  const job = at(operation.responses, '202', 'content', 'application/json', 'schema')
  return {
    name,
    path,
    description: summary === `Submit ${name}` ? undefined : summary,
    input: json?.schema ?? true,
    result: partOf(job, 'result'),
    progress: partOf(job, 'progress'),
    resultType: operation['x-celeriac-result-type'],
    types: Object.keys(others),
    hasWebhooks: has('Webhook'),
    hasUploads: has('Upload'),
  }
}

/** Of the schema of its job, which is named as the others are. */
function partOf(job: unknown, part: 'result' | 'progress'): AnySchema {
  const ref = memberOf(job, '$ref')
  return typeof ref === 'string' ? { $ref: ref.replace(/job$/, part) } : true
}

function at(place: unknown, ...steps: readonly string[]): unknown {
  return steps.reduce<unknown>((inner, step) => (isObject(inner) ? memberOf(inner, step) : undefined), place)
}
