import type { TaskDefinition } from '../app/definition.ts'
import { type JsonSchema, jsonSchemaOf } from './jsonSchema.ts'
import { jobOperations, problems, schemas, systemOperations } from './openapiParts.ts'
import { PROBLEMS, type ProblemKind, problemType } from './problem.ts'

/** What the description of an API is made from. */
export interface ApiFacts {
  /** Name of the app. */
  readonly title: string
  /** Prefix where the API is mounted; '' at the root. */
  readonly server: string
  /** Path before `/tasks` and `/jobs`. */
  readonly base: string
  /** The exposed tasks; without a definition where the code lives elsewhere. */
  readonly tasks: readonly { readonly name: string; readonly definition: TaskDefinition | undefined }[]
}

/** The API as an OpenAPI 3.1 document: one path per exposed task with its own schemas, then the jobs. */
export function openApi({ title, server, base, tasks }: ApiFacts): JsonSchema {
  const own = tasks.map(({ name, definition }) => taskParts(name, definition, base))
  return {
    openapi: '3.1.1',
    info: { title, version: '1', description: 'Background tasks: hand one in, follow the job, fetch the result.' },
    servers: [{ url: server || '/' }],
    tags: [{ name: 'tasks' }, { name: 'jobs' }, { name: 'system' }],
    paths: {
      ...Object.fromEntries(own.map(({ path, item }) => [path, item])),
      ...jobOperations(
        base,
        tasks.map(({ name }) => name),
      ),
      ...systemOperations(),
    },
    components: {
      schemas: { ...schemas(), ...Object.assign({}, ...own.map((parts) => parts.schemas)) },
      responses: Object.fromEntries(Object.keys(PROBLEMS).map((kind) => [kind, problemResponse(kind as ProblemKind)])),
    },
  }
}

interface TaskParts {
  readonly path: string
  readonly item: JsonSchema
  readonly schemas: Readonly<Record<string, JsonSchema>>
}

function taskParts(name: string, definition: TaskDefinition | undefined, base: string): TaskParts {
  const key = componentKey(name)
  const at = (side: string): string => `#/components/schemas/${key}.${side}`
  const input = inputSchema(definition, at('input'))
  const job: JsonSchema = {
    allOf: [
      { $ref: '#/components/schemas/Job' },
      {
        type: 'object',
        properties: {
          task: { const: name },
          progress: { anyOf: [{ $ref: at('progress') }, { type: 'null' }] },
          result: { $ref: at('result') },
        },
      },
    ],
  }
  return {
    path: `${base}/tasks/${encodeURIComponent(name)}`,
    item: { post: taskOperation(name, definition, { input: at('input'), job: at('job'), required: needsBody(input) }) },
    schemas: {
      [`${key}.input`]: input,
      [`${key}.result`]: jsonSchemaOf(definition?.output, 'output', at('result')),
      [`${key}.progress`]: jsonSchemaOf(definition?.progress, 'output', at('progress')),
      [`${key}.job`]: job,
    },
  }
}

function taskOperation(
  name: string,
  definition: TaskDefinition | undefined,
  body: { input: string; job: string; required: boolean },
): JsonSchema {
  return {
    operationId: name,
    tags: ['tasks'],
    summary: definition?.options.description ?? `Hand in ${name}`,
    requestBody: { required: body.required, content: { 'application/json': { schema: { $ref: body.input } } } },
    responses: {
      202: {
        description: 'Handed in: follow the job at Location.',
        headers: {
          Location: { description: 'Path of the job.', schema: { type: 'string' } },
          'Retry-After': { description: 'Seconds until it makes sense to ask.', schema: { type: 'integer' } },
        },
        content: { 'application/json': { schema: { $ref: body.job } } },
      },
      ...problems(
        'malformed-body',
        'body-too-large',
        'unsupported-media-type',
        'invalid-input',
        'internal-error',
        'store-unavailable',
      ),
    },
  }
}

/** Positional tasks take a list; where the code lives elsewhere, a list or an object. */
function inputSchema(definition: TaskDefinition | undefined, place: string): JsonSchema {
  if (definition?.style === 'object') return jsonSchemaOf(definition.input, 'input', place)
  const list = { type: 'array', description: 'The arguments, in order.' }
  return definition ? list : { oneOf: [list, { type: 'object', description: 'The keyword arguments.' }] }
}

function needsBody({ required }: JsonSchema): boolean {
  return Array.isArray(required) && required.length > 0
}

function problemResponse(kind: ProblemKind): JsonSchema {
  const { status, title } = PROBLEMS[kind]
  const example = { type: problemType(kind), title, status, detail: '…', instance: '/v1/…' }
  const schema = {
    $ref: kind === 'invalid-input' ? '#/components/schemas/InvalidInput' : '#/components/schemas/Problem',
  }
  return { description: title, content: { 'application/problem+json': { schema, example } } }
}

/** A task's name as OpenAPI allows component keys: other characters as `_` and their code, so that no two names meet. */
function componentKey(name: string): string {
  return name.replace(/[^A-Za-z0-9.-]/gu, (character) => `_${character.codePointAt(0)?.toString(16)}_`)
}
