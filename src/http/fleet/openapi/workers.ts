import type { JsonSchema } from '../../../std/jsonSchema.ts'
import { type Answers, json, ref } from '../../openapi/answers.ts'
import { ACTIONS, type WorkerAction } from '../live/workerActions.ts'
import { PROFILE_MEMBERS } from '../live/workers.ts'

const COUNT = { type: 'integer', minimum: 0 }
const TEXT = { type: 'string' }
const SECONDS = { type: 'number', minimum: 0, description: 'Seconds.' }
const BYTES = { type: 'integer', minimum: 0, description: 'Bytes.' }
const NAME = { name: 'name', in: 'path', required: true, schema: { type: 'string', minLength: 1, maxLength: 255 } }
const PIDS = { type: 'array', items: { type: 'integer' } }

/** The documents of workers. */
export const WORKER_SCHEMAS: JsonSchema = {
  Worker: {
    type: 'object',
    description: 'What it does not answer is absent.',
    properties: {
      name: { ...TEXT, examples: ['celeriac@web-1'] },
      answers: { type: 'boolean', description: 'Else its events were recorded within the last hour.' },
      seenAt: { type: 'string', format: 'date-time', description: 'When its last event came, where a recorder runs.' },
      software: TEXT,
      version: TEXT,
      node: TEXT,
      ready: { type: 'boolean', description: 'It takes tasks.' },
      quiet: { type: 'boolean', description: 'A command keeps it from taking tasks.' },
      reason: { ...TEXT, description: 'Why it takes none.' },
      pid: { type: 'integer' },
      uptime: SECONDS,
      pool: {
        type: 'object',
        properties: { kind: TEXT, size: { ...COUNT, description: 'Tasks that may run at once.' }, pids: PIDS },
      },
      autoscale: { type: 'object', properties: { min: COUNT, max: COUNT }, required: ['min', 'max'] },
      prefetch: COUNT,
      queues: {
        type: 'array',
        items: { type: 'object', properties: { name: TEXT, paused: { const: true } }, required: ['name'] },
      },
      running: { type: 'array', items: ref('schemas', 'RunningTask') },
      reserved: { ...COUNT, description: 'Messages that it has taken, and that do not run yet.' },
      processed: { ...COUNT, description: 'Runs that have begun since it started.' },
      tasks: { type: 'object', additionalProperties: COUNT, description: 'The same by task.' },
      cpuSeconds: SECONDS,
      cpu: { type: 'number', minimum: 0, description: 'Since the last look; 1: one core.' },
      rss: BYTES,
      maxRss: BYTES,
      loop: { type: 'number', minimum: 0, maximum: 1, description: 'How busy its event loop was since the last look.' },
    },
    required: ['name', 'answers'],
    additionalProperties: false,
  },
  RunningTask: {
    type: 'object',
    properties: {
      id: TEXT,
      task: TEXT,
      args: { ...TEXT, description: 'Text of the arguments.' },
      kwargs: TEXT,
      startedAt: { type: 'string', format: 'date-time' },
      age: SECONDS,
      queue: TEXT,
      pid: { type: 'integer' },
    },
    required: ['id', 'task'],
    additionalProperties: false,
  },
  WorkerAction: {
    type: 'object',
    properties: { worker: TEXT, ok: { ...TEXT, description: 'In its own words.' } },
    required: ['worker', 'ok'],
    additionalProperties: false,
  },
  WorkerSlot: {
    type: 'object',
    properties: {
      id: TEXT,
      task: TEXT,
      age: SECONDS,
      pool: TEXT,
      slot: { type: 'integer', minimum: 1, description: "Absent in the worker's own thread." },
      pid: { type: 'integer' },
      stack: { type: 'array', items: TEXT, description: 'Innermost call first; absent while it waits.' },
    },
    required: ['id', 'task', 'pool', 'pid'],
    additionalProperties: false,
  },
}

/** The paths of workers. */
export function workerPaths(base: string, answers: Answers): JsonSchema {
  const one = `${base}/workers/{name}`
  const list = { workers: { type: 'array', items: ref('schemas', 'Worker') } }
  const slots = { slots: { type: 'array', items: ref('schemas', 'WorkerSlot') } }
  return {
    [`${base}/workers`]: {
      get: {
        ...facts('getWorkers', 'The workers that answer', 'Asked at most once a second. For viewers.'),
        responses: {
          200: answers.ok('By name.', { content: json({ type: 'object', properties: list, required: ['workers'] }) }),
          ...answers.problems(false, 'invalid-query', 'forbidden'),
        },
      },
    },
    [one]: {
      parameters: [NAME],
      get: {
        ...facts('getWorker', 'A worker', 'For viewers.'),
        responses: {
          200: answers.ok('It.', { content: json(ref('schemas', 'Worker')) }),
          ...answers.problems(false, 'invalid-query', 'forbidden', 'unknown-worker'),
        },
      },
    },
    [`${one}/stack`]: {
      parameters: [NAME],
      get: {
        ...facts('getWorkerStack', 'What its slots execute now', "Celery's workers do not know it. For operators."),
        responses: {
          200: answers.ok('Of each task that runs.', {
            content: json({ type: 'object', properties: slots, required: ['slots'] }),
          }),
          ...answers.problems(
            false,
            'invalid-query',
            'forbidden',
            'unknown-worker',
            'worker-refused',
            'cannot-control',
          ),
        },
      },
    },
    [`${one}/profile`]: { parameters: [NAME], post: profile(answers) },
    ...Object.fromEntries(
      Object.keys(ACTIONS).map((action) => [
        `${one}/${action}`,
        { parameters: [NAME], post: act(action as WorkerAction, answers) },
      ]),
    ),
  }
}

function facts(operationId: string, summary: string, description: string): JsonSchema {
  return { operationId, tags: ['fleet'], summary, description }
}

function bodyOf(properties: JsonSchema, required: readonly string[]): JsonSchema {
  const schema = { type: 'object', properties, ...(required.length > 0 && { required }), additionalProperties: false }
  return { required: required.length > 0, content: json(schema) }
}

const BODY_PROBLEMS = ['malformed-body', 'body-too-large', 'unsupported-media-type', 'invalid-input'] as const
const COMMAND_PROBLEMS = ['invalid-query', 'forbidden', 'unknown-worker', 'worker-refused', 'cannot-control'] as const

function profile(answers: Answers): JsonSchema {
  return {
    ...facts(
      'profileWorker',
      'Take a CPU profile',
      "The answer is a file `.cpuprofile`, for the DevTools of a browser. Celery's workers do not know it. For operators.",
    ),
    requestBody: bodyOf(PROFILE_MEMBERS, []),
    responses: {
      200: answers.ok('The profile.', {
        content: json({ type: 'object' }),
        headers: { 'Content-Disposition': { schema: TEXT } },
      }),
      ...answers.problems(true, ...COMMAND_PROBLEMS, ...BODY_PROBLEMS),
    },
  }
}

function act(action: WorkerAction, answers: Answers): JsonSchema {
  const { doc, role, members, required } = ACTIONS[action]
  const ok =
    action === 'shutdown'
      ? { 202: answers.ok('It was asked: it does not answer.') }
      : { 200: answers.ok('Done.', { content: json(ref('schemas', 'WorkerAction')) }) }
  return {
    ...facts(`${camel(action)}Worker`, doc, `For ${role}s.`),
    ...(Object.keys(members).length > 0 && { requestBody: bodyOf(members, required) }),
    responses: { ...ok, ...answers.problems(true, ...COMMAND_PROBLEMS, ...BODY_PROBLEMS) },
  }
}

/** `pool-grow` as `poolGrow`. */
function camel(name: string): string {
  return name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())
}
