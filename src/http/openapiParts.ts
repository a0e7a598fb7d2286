import type { JsonSchema } from './jsonSchema.ts'
import { PROBLEMS, type ProblemKind } from './problem.ts'

/* What the description of every API has, whatever its tasks. */

/** References to the answers with these problems, by status. */
export function problems(...kinds: readonly ProblemKind[]): JsonSchema {
  return Object.fromEntries(kinds.map((kind) => [PROBLEMS[kind].status, { $ref: `#/components/responses/${kind}` }]))
}

/** The paths of jobs. `tasks`: names that a list may be filtered by. */
export function jobOperations(base: string, tasks: readonly string[]): JsonSchema {
  const id = { name: 'id', in: 'path', required: true, schema: { type: 'string' } }
  return {
    [`${base}/jobs`]: { get: listOperation(tasks) },
    [`${base}/jobs/{id}`]: { parameters: [id], get: showOperation, delete: endOperation },
    [`${base}/jobs/{id}/result`]: { parameters: [id], get: resultOperation },
  }
}

export function systemOperations(): JsonSchema {
  return {
    '/livez': { get: healthOperation('livez', 'Does the process answer?') },
    '/readyz': { get: healthOperation('readyz', 'Does the store answer, too?', problems('store-unavailable')) },
  }
}

/** The schemas that every API shares. */
export function schemas(): Readonly<Record<string, JsonSchema>> {
  return { Job: jobSchema, JobList: listSchema, Problem: problemSchema, InvalidInput: invalidInputSchema }
}

const jobContent = { 'application/json': { schema: { $ref: '#/components/schemas/Job' } } }

function listOperation(tasks: readonly string[]): JsonSchema {
  const task = tasks.length > 0 ? { type: 'string', enum: tasks } : { type: 'string' }
  return {
    operationId: 'listJobs',
    tags: ['jobs'],
    summary: 'Jobs, newest first, without their results',
    parameters: [
      { name: 'state', in: 'query', schema: { type: 'string' }, example: 'SUCCESS' },
      { name: 'task', in: 'query', schema: task },
      { name: 'limit', in: 'query', schema: { type: 'integer', minimum: 1, maximum: 1000, default: 50 } },
      { name: 'cursor', in: 'query', description: 'From the page before.', schema: { type: 'string' } },
    ],
    responses: {
      200: {
        description: 'A page; there is another one while `Link` has rel="next".',
        headers: { Link: { schema: { type: 'string' } } },
        content: { 'application/json': { schema: { $ref: '#/components/schemas/JobList' } } },
      },
      ...problems('invalid-query', 'cannot-list', 'store-unavailable'),
    },
  }
}

const showOperation: JsonSchema = {
  operationId: 'getJob',
  tags: ['jobs'],
  summary: 'A job as it is now',
  responses: { 200: { description: 'The job.', content: jobContent }, ...problems('unknown-job', 'store-unavailable') },
}

const endOperation: JsonSchema = {
  operationId: 'endJob',
  tags: ['jobs'],
  summary: 'Ask that a job does not run, or stops',
  parameters: [
    {
      name: 'terminate',
      in: 'query',
      description: '1: by force, where the pool can.',
      schema: { type: 'string', enum: ['0', '1', 'false', 'true'] },
    },
  ],
  responses: {
    200: { description: 'It was waiting, and never runs.', content: jobContent },
    202: { description: 'It runs, and was asked to stop.', content: jobContent },
    ...problems('invalid-query', 'unknown-job', 'job-final', 'store-unavailable'),
  },
}

const resultOperation: JsonSchema = {
  operationId: 'getResult',
  tags: ['jobs'],
  summary: 'The result alone',
  responses: {
    200: {
      description: 'What the task returned: JSON, or its bytes.',
      content: { 'application/json': { schema: {} }, 'application/octet-stream': {} },
    },
    202: { description: 'Not yet: ask again after `Retry-After` seconds.', content: jobContent },
    ...problems('unknown-job', 'store-unavailable'),
    409: {
      description: `${PROBLEMS['job-failed'].title}, or was revoked.`,
      content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
    },
  },
}

function healthOperation(operationId: string, summary: string, more: JsonSchema = {}): JsonSchema {
  const schema = { type: 'object', properties: { status: { const: 'ok' } }, required: ['status'] }
  return {
    operationId,
    tags: ['system'],
    summary,
    responses: { 200: { description: 'It does.', content: { 'application/json': { schema } } }, ...more },
  }
}

const moment = { type: ['string', 'null'], format: 'date-time' }
const error = {
  type: 'object',
  properties: { type: { type: 'string' }, message: { type: 'string' } },
  required: ['type', 'message'],
}

const jobSchema: JsonSchema = {
  type: 'object',
  properties: {
    id: { type: 'string' },
    task: { type: ['string', 'null'] },
    state: {
      type: 'string',
      description: "Celery's state or one of the task's own.",
      examples: ['PENDING', 'STARTED', 'RETRY', 'SUCCESS', 'FAILURE', 'REVOKED'],
    },
    progress: { description: 'Last value that the task reported; null where it said nothing.' },
    attempt: { type: 'integer', minimum: 1 },
    createdAt: moment,
    startedAt: moment,
    finishedAt: moment,
    result: { description: 'After SUCCESS.' },
    error: { ...error, description: 'After FAILURE and REVOKED, and while RETRY waits.' },
    links: {
      type: 'object',
      properties: { self: { type: 'string' }, result: { type: 'string' } },
      required: ['self', 'result'],
    },
  },
  required: ['id', 'task', 'state', 'progress', 'attempt', 'createdAt', 'startedAt', 'finishedAt', 'links'],
}

const listSchema: JsonSchema = {
  type: 'object',
  properties: {
    jobs: { type: 'array', items: { $ref: '#/components/schemas/Job' } },
    cursor: { type: 'string', description: 'Of the next page; absent at the end.' },
  },
  required: ['jobs'],
}

const problemSchema: JsonSchema = {
  description: 'RFC 9457.',
  type: 'object',
  properties: {
    type: { type: 'string', format: 'uri' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    instance: { type: 'string' },
  },
  required: ['type', 'title', 'status', 'detail', 'instance'],
}

const inputErrorSchema: JsonSchema = {
  type: 'object',
  properties: {
    pointer: { type: 'string', description: 'JSON Pointer as a URI fragment.', examples: ['#/dpi'] },
    code: { enum: ['required', 'type', 'invalid', 'unsendable'] },
    detail: { type: 'string' },
  },
  required: ['pointer', 'code', 'detail'],
}

const invalidInputSchema: JsonSchema = {
  allOf: [
    { $ref: '#/components/schemas/Problem' },
    { type: 'object', properties: { errors: { type: 'array', items: inputErrorSchema } }, required: ['errors'] },
  ],
}
