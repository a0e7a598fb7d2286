import type { JsonSchema } from '../../../std/jsonSchema.ts'
import { type Answers, json, query, ref } from '../../openapi/answers.ts'

const COUNT = { type: 'integer', minimum: 0 }
const TEXT = { type: 'string' }
const MOMENT = { type: 'string', format: 'date-time' }
const SECONDS = { type: 'number', minimum: 0, description: 'Seconds.' }
const NAME = { name: 'name', in: 'path', required: true, schema: { type: 'string', minLength: 1, maxLength: 255 } }

/** The documents of queues. */
export const QUEUE_SCHEMAS: JsonSchema = {
  Queue: {
    type: 'object',
    description: 'What the store does not know is absent.',
    properties: {
      name: TEXT,
      waiting: { ...COUNT, description: 'Messages that may be taken now.' },
      oldest: { ...MOMENT, description: 'Since when the oldest of them could have run.' },
      oldestAge: SECONDS,
      workers: { type: 'array', items: TEXT, description: 'Workers that said that they take from it.' },
      consumers: { ...COUNT, description: 'That the store counts; where it does not know their queues: all workers.' },
      paused: { type: 'boolean' },
      declared: { type: 'boolean', description: 'The app names it, or sends a task to it.' },
      limit: { ...COUNT, description: 'Messages that may wait at most.' },
      nearlyFull: { type: 'boolean' },
    },
    required: ['name', 'waiting', 'workers', 'declared'],
    additionalProperties: false,
  },
  QueueMessage: {
    type: 'object',
    properties: {
      id: TEXT,
      task: TEXT,
      argsrepr: { ...TEXT, description: 'As the sender made it.' },
      kwargsrepr: TEXT,
      retries: { type: 'integer' },
      priority: { type: 'integer' },
      eta: { ...TEXT, description: 'As the message has it.' },
      expires: TEXT,
      origin: TEXT,
      since: { ...MOMENT, description: 'Since when it could have run.' },
      age: SECONDS,
      bytes: { ...COUNT, description: 'Size of its body.' },
      contentType: TEXT,
      content: {
        type: 'object',
        description: 'For admins, where it was asked for.',
        properties: {
          headers: { type: 'object' },
          args: { type: 'array' },
          kwargs: { type: 'object' },
          problem: { ...TEXT, description: 'Why it cannot be read.' },
        },
        required: ['headers'],
      },
    },
    required: ['priority', 'bytes', 'contentType'],
    additionalProperties: false,
  },
}

/** The paths of queues. */
export function queuePaths(base: string, answers: Answers): JsonSchema {
  const list = {
    type: 'object',
    properties: {
      queues: { type: 'array', items: ref('schemas', 'Queue') },
      delayed: { ...COUNT, description: 'Messages of all queues that wait for their time.' },
      held: { ...COUNT, description: 'Messages of all queues that workers hold.' },
    },
    required: ['queues'],
  }
  const one = `${base}/queues/{name}`
  return {
    [`${base}/queues`]: {
      get: {
        ...facts(
          'getQueues',
          'The queues of a fleet',
          'Those of the app, and those that workers take from. For viewers.',
        ),
        responses: {
          200: answers.ok('All of them.', { content: json(list) }),
          ...answers.problems(false, 'invalid-query', 'forbidden'),
        },
      },
    },
    [one]: {
      parameters: [NAME],
      get: {
        ...facts('getQueue', 'A queue', 'For viewers.'),
        responses: {
          200: answers.ok('It.', { content: json(ref('schemas', 'Queue')) }),
          ...answers.problems(false, 'invalid-query', 'forbidden', 'not-found'),
        },
      },
    },
    [`${one}/pause`]: { parameters: [NAME], post: change('pauseQueue', 'Begin nothing more of a queue', answers) },
    [`${one}/resume`]: { parameters: [NAME], post: change('resumeQueue', 'End the pause of a queue', answers) },
    [`${one}/messages`]: { parameters: [NAME], get: peek(answers), delete: purge(answers) },
  }
}

function facts(operationId: string, summary: string, description: string): JsonSchema {
  return { operationId, tags: ['fleet'], summary, description }
}

function change(operationId: string, summary: string, answers: Answers): JsonSchema {
  return {
    ...facts(operationId, summary, 'On all workers. What is so already is no error. For operators.'),
    responses: {
      204: answers.ok('Done.'),
      ...answers.problems(true, 'invalid-query', 'forbidden', 'not-found', 'cannot-limit'),
    },
  }
}

function peek(answers: Answers): JsonSchema {
  const properties = { messages: { type: 'array', items: ref('schemas', 'QueueMessage') } }
  return {
    ...facts('peekQueue', 'The messages that are served next', 'None of them is taken. For operators.'),
    parameters: [
      query('limit', { type: 'integer', minimum: 1, maximum: 100, default: 20 }, 'How many at most.'),
      query('content', { type: 'boolean', default: false }, 'With headers and arguments: for admins.'),
    ],
    responses: {
      200: answers.ok('In the order in which they are served.', {
        content: json({ type: 'object', properties, required: ['messages'] }),
      }),
      ...answers.problems(false, 'invalid-query', 'forbidden', 'not-found', 'cannot-peek'),
    },
  }
}

function purge(answers: Answers): JsonSchema {
  const properties = { count: COUNT, dryRun: { const: true } }
  return {
    ...facts('purgeQueue', 'Drop all messages of a queue', 'Their jobs are revoked. For admins.'),
    parameters: [query('dryRun', { type: 'boolean', default: false }, 'Count those that wait, and drop nothing.')],
    responses: {
      200: answers.ok('How many.', { content: json({ type: 'object', properties, required: ['count'] }) }),
      ...answers.problems(true, 'invalid-query', 'forbidden', 'not-found'),
    },
  }
}
