import { type JsonSchema, jsonSchemaOf } from '../../std/jsonSchema.ts'
import type { TaskDefinition } from '../../tasks/definition.ts'
import type { Parameters } from '../../tasks/parameters.ts'
import { type Answers, json, ref, SUBMIT_PROBLEMS } from './answers.ts'
import { ACCEPTED_HEADERS, webhookMark } from './jobs.ts'
import { linksFromBody } from './links.ts'

/** A task that is exposed. */
export interface ExposedTask {
  readonly name: string
  /** Absent where the code lives elsewhere. */
  readonly definition: TaskDefinition | undefined
  /** What its caller must have. */
  readonly scopes: readonly string[]
}

/** What a task adds to the document. */
export interface TaskParts {
  readonly path: string
  readonly item: JsonSchema
  readonly schemas: Readonly<Record<string, JsonSchema>>
}

export interface TaskFacts {
  readonly base: string
  readonly webhooks: boolean
  /** Name of the authentication scheme. */
  readonly scheme: string | undefined
  /** Inputs may come before their calls. */
  readonly uploads: boolean
}

/** The path and the schemas of one task. */
export function taskParts(task: ExposedTask, facts: TaskFacts, answers: Answers): TaskParts {
  const { name, definition } = task
  const key = componentKey(name)
  const at = (side: string): string => `#/components/schemas/${key}.${side}`
  const example = definition?.options.example ?? {}
  return {
    path: `${facts.base}/tasks/${encodeURIComponent(name)}`,
    item: { post: operation(task, key, facts, answers) },
    schemas: {
      [`${key}.input`]: withExample(inputSchema(definition, at('input')), example.input),
      [`${key}.result`]: withExample(jsonSchemaOf(definition?.output, 'output', at('result')), example.result),
      [`${key}.progress`]: withExample(jsonSchemaOf(definition?.progress, 'output', at('progress')), example.progress),
      [`${key}.job`]: jobSchema(name, key),
      ...(facts.webhooks ? { [`${key}.ended`]: endedSchema(name, key) } : {}),
    },
  }
}

function jobSchema(name: string, key: string): JsonSchema {
  const own = {
    type: 'object',
    properties: {
      task: { const: name },
      progress: { anyOf: [ref('schemas', `${key}.progress`), { type: 'null' }] },
      result: ref('schemas', `${key}.result`),
    },
  }
  return { allOf: [ref('schemas', 'Job'), own] }
}

function endedSchema(name: string, key: string): JsonSchema {
  const data = { type: 'object', properties: { task: { const: name }, result: ref('schemas', `${key}.result`) } }
  return { allOf: [ref('schemas', 'JobEnded'), { type: 'object', properties: { data } }] }
}

/** A call may be refused because another job has its key. */
function refusesKeys(definition: TaskDefinition | undefined): boolean {
  const unique = definition?.options.unique
  return unique !== undefined && unique.onConflict !== 'return'
}

const SUBMITTING =
  'Submits a job and answers at once: `Location` is the URL of its state and its result, `Link` leads to its events. With `Prefer: wait=10` the answer waits so many seconds for the end.'

function operation(
  { name, definition, scopes }: ExposedTask,
  key: string,
  facts: TaskFacts,
  answers: Answers,
): JsonSchema {
  const { webhooks, scheme, uploads } = facts
  const body = json(ref('schemas', `${key}.job`))
  return {
    operationId: `submit_${key}`,
    tags: ['tasks'],
    summary: definition?.options.description ?? `Submit ${name}`,
    description: SUBMITTING,
    'x-celeriac-task': name,
    ...(definition?.parameters ? { 'x-celeriac-params': definition.parameters.list.map((one) => one.name) } : {}),
    ...(definition?.options.contentType ? { 'x-celeriac-result-type': definition.options.contentType } : {}),
    ...(scheme && scopes.length > 0 ? { security: [{ [scheme]: scopes }] } : {}),
    parameters: [
      'Prefer',
      'IdempotencyKey',
      'Tag',
      ...(webhooks ? ['Webhook'] : []),
      ...(uploads ? ['Upload'] : []),
    ].map((one) => ref('parameters', one)),
    requestBody: requestBody(definition, key),
    responses: {
      200: answers.ok('It has ended within the time that `Prefer: wait` gave it: the job, with its result or error.', {
        content: body,
        headers: {
          'Content-Location': ref('headers', 'ContentLocation'),
          'Preference-Applied': ref('headers', 'PreferenceApplied'),
          'Idempotent-Replayed': ref('headers', 'IdempotentReplayed'),
          Link: ref('headers', 'JobLinkHeader'),
          ...webhookMark(webhooks),
        },
        links: linksFromBody('getJob', 'getResult', 'getEvents', 'retryJob'),
      }),
      202: answers.ok('Submitted: follow the job at Location.', {
        content: body,
        headers: { ...ACCEPTED_HEADERS, ...webhookMark(webhooks) },
        links: linksFromBody('getJob', 'getResult', 'getEvents', 'cancelJob'),
      }),
      ...answers.problems(
        true,
        'malformed-body',
        'invalid-query',
        'invalid-idempotency-key',
        ...(webhooks ? (['invalid-webhook'] as const) : []),
        ...(scopes.length > 0 ? (['forbidden'] as const) : []),
        ...(refusesKeys(definition) ? (['not-unique'] as const) : []),
        ...SUBMIT_PROBLEMS,
      ),
    },
    ...(webhooks
      ? { callbacks: { jobEnded: { '{$request.header.Celeriac-Webhook}': delivery(`${key}.ended`) } } }
      : {}),
  }
}

function requestBody(definition: TaskDefinition | undefined, key: string): JsonSchema {
  const { required, minItems } = inputSchema(definition, '') as { required?: unknown; minItems?: number }
  const raw = (definition?.options.accepts ?? []).map((type) => [type, {}])
  return {
    required: (Array.isArray(required) && required.length > 0) || minItems !== undefined,
    content: { ...json(ref('schemas', `${key}.input`)), ...Object.fromEntries(raw) },
  }
}

/**
 * Positional tasks take a list, each of whose items has its parameter's name as title; where the code lives elsewhere,
 * a list or an object.
 */
function inputSchema(definition: TaskDefinition | undefined, place: string): JsonSchema {
  if (definition?.style === 'object') return jsonSchemaOf(definition.input, 'input', place)
  const list = { type: 'array', description: 'The arguments, in order.', items: {} }
  if (definition?.parameters) return { ...list, ...itemsOf(definition.parameters, place) }
  return definition ? list : { oneOf: [list, { type: 'object', description: 'The keyword arguments.' }] }
}

/** The number of items is limited where parameters are declared: else more or fewer are no fault. */
function itemsOf({ list, rest, declared }: Parameters, place: string): JsonSchema {
  const least = list.filter(({ required }) => required).length
  return {
    ...(list.length === 0
      ? {}
      : {
          prefixItems: list.map(({ name, schema }, index) => ({
            title: name,
            ...jsonSchemaOf(schema, 'input', `${place}/prefixItems/${index}`),
          })),
        }),
    ...(least > 0 ? { minItems: least } : {}),
    ...(declared && !rest ? { maxItems: list.length } : {}),
  }
}

function withExample(schema: JsonSchema, example: unknown): JsonSchema {
  return example === undefined ? schema : { ...schema, examples: [example] }
}

/** How a webhook is delivered: what a receiver has to answer. `operationId`: where it is in the document once. */
export function delivery(schema: string, operationId?: string): JsonSchema {
  const header = (name: string, description: string): JsonSchema => ({
    name,
    in: 'header',
    required: true,
    description,
    schema: { type: 'string' },
  })
  return {
    post: {
      ...(operationId ? { operationId } : {}),
      summary: 'The job has ended',
      description: 'A CloudEvent with the state of the job, and its result or error, sent at least once.',
      security: [],
      parameters: [
        header('webhook-id', 'The same in every attempt.'),
        header('webhook-timestamp', 'Seconds since 1970 of this attempt.'),
        header('webhook-signature', '`v1,` and the HMAC-SHA256 of `id.timestamp.body` in base64; one for each secret.'),
      ],
      requestBody: { required: true, content: { 'application/cloudevents+json': { schema: ref('schemas', schema) } } },
      responses: {
        '2XX': { description: 'Taken: it is not sent again.' },
        410: { description: 'Never send this again.' },
        default: {
          description: 'Sent again later, from 5 s to 24 h apart, for about three days. Redirects are not followed.',
        },
      },
    },
  }
}

/**
 * A task's name as OpenAPI allows component keys: other characters as `_` and their code, so that no two names meet.
 */
function componentKey(name: string): string {
  return name.replace(/[^A-Za-z0-9.-]/gu, (character) => `_${character.codePointAt(0)?.toString(16)}_`)
}
