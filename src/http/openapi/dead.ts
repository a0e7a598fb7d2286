import { DEATH_REASONS } from '../../protocol/deadLetterDocument.ts'
import type { JsonSchema } from '../../std/jsonSchema.ts'
import { type Answers, json, query, ref } from './answers.ts'

const COUNT = { type: 'integer', minimum: 0 }
const TEXT = { type: 'string' }
const IDS = { type: 'array', items: TEXT }
const REASON = {
  enum: DEATH_REASONS,
  description: 'Why its worker gave it up.',
}
const DEATH = {
  reason: REASON,
  error: { type: 'object', properties: { type: TEXT, message: TEXT }, required: ['type', 'message'] },
  diedAt: { type: 'string', format: 'date-time' },
  worker: { ...TEXT, description: 'Host name of the worker.' },
}
const LETTER = {
  id: TEXT,
  task: TEXT,
  queue: { ...TEXT, description: 'That it came from, and goes back to.' },
  ...DEATH,
  retries: COUNT,
  lost: { ...COUNT, description: 'How many of its runs were lost.' },
  deaths: {
    type: 'array',
    items: { type: 'object', properties: DEATH, required: Object.keys(DEATH), additionalProperties: false },
    description: 'Deaths before this one, after each of which it was sent again; the newest last.',
  },
  owner: TEXT,
  tags: IDS,
  bytes: { ...COUNT, description: 'Size of the body of its message.' },
}
const REQUIRED = ['id', 'queue', ...Object.keys(DEATH), 'lost', 'deaths', 'tags', 'bytes']

/** The documents of dead letters. */
export const DEAD_LETTER_SCHEMAS: JsonSchema = {
  DeadLetter: {
    type: 'object',
    properties: {
      ...LETTER,
      args: { type: 'array', items: {}, description: 'Of one that is asked for by its id, as far as it can be read.' },
      kwargs: { type: 'object' },
      problem: { ...TEXT, description: 'Why its message cannot be read.' },
      body: { ...TEXT, description: 'The beginning of what cannot be read.' },
    },
    required: REQUIRED,
    additionalProperties: false,
  },
}

const FILTER = {
  task: [TEXT, 'Only those of this task.'],
  queue: [TEXT, 'Only those from this queue.'],
  reason: [REASON, 'Only those that were given up for this reason.'],
  error: [TEXT, 'Only those with this text in the class or the message of the error.'],
  since: [TEXT, 'Only those that died since then: a time, or a date.'],
  owner: [TEXT, 'Only those that this client submitted; for admins that of others, too.'],
  tag: [TEXT, 'Only those with this tag.'],
  q: [{ type: 'string', minLength: 1, maxLength: 200 }, 'Only those with each of these words.'],
} as const
const LIMIT = { type: 'integer', minimum: 1, maximum: 1000 }
const CHANGE = {
  ...FILTER,
  all: [{ type: 'boolean' }, 'All that may be seen, where nothing else is named.'],
  dryRun: [{ type: 'boolean', default: false }, 'List them, and change nothing.'],
  limit: [{ ...LIMIT, default: 1000 }, 'Most of one request.'],
} as const

type Parameters = Readonly<Record<string, readonly [JsonSchema, string]>>

function parametersOf(parameters: Parameters): JsonSchema[] {
  return Object.entries(parameters).map(([name, [schema, description]]) => query(name, schema, description))
}

/** The paths of dead letters. */
export function deadLetterPaths(base: string, answers: Answers): JsonSchema {
  const id = { name: 'id', in: 'path', required: true, schema: { type: 'string', minLength: 1, maxLength: 255 } }
  return {
    [`${base}/dead`]: { get: listDead(answers), delete: dropMany(answers) },
    [`${base}/dead/redrive`]: { post: redriveMany(answers) },
    [`${base}/dead/{id}`]: {
      parameters: [id],
      get: one(
        'getDeadLetter',
        'A dead letter, with its input',
        answers.ok('It.', { content: json(ref('schemas', 'DeadLetter')) }),
        answers,
      ),
      patch: editOne(answers),
      delete: one('dropDeadLetter', 'Drop a dead letter', undefined, answers),
    },
    [`${base}/dead/{id}/redrive`]: {
      parameters: [id],
      post: one('redriveDeadLetter', 'Send a dead letter again', redriven(answers), answers),
    },
  }
}

function listDead(answers: Answers): JsonSchema {
  const properties = {
    letters: { type: 'array', items: ref('schemas', 'DeadLetter') },
    cursor: { type: 'string', description: 'There may be more.' },
  }
  return {
    operationId: 'listDeadLetters',
    tags: ['jobs'],
    summary: 'Messages that workers have given up',
    description: 'The newest first. Those of others, and of tasks that are not exposed, are for admins.',
    parameters: parametersOf({
      ...FILTER,
      limit: [{ ...LIMIT, default: 50 }, 'How many at most.'],
      cursor: [TEXT, 'From the page before.'],
    }),
    responses: {
      200: answers.ok('A page of them.', {
        content: json({ type: 'object', properties, required: ['letters'] }),
        headers: { Link: ref('headers', 'NextLink') },
      }),
      ...answers.problems(false, 'invalid-query', 'forbidden', 'cannot-list'),
    },
  }
}

function redriveMany(answers: Answers): JsonSchema {
  const rate = [{ type: 'string', examples: ['50/s'] }, 'At most so many in a time.'] as const
  return {
    operationId: 'redriveDeadLetters',
    tags: ['jobs'],
    summary: 'Send the dead letters that fit again, the oldest first',
    description: 'At least one filter has to be given, or `all`. May be repeated where it ends half-way.',
    parameters: parametersOf({ ...CHANGE, rate }),
    responses: {
      200: redriven(answers),
      ...answers.problems(true, 'invalid-query', 'forbidden', 'cannot-list'),
    },
  }
}

function dropMany(answers: Answers): JsonSchema {
  return {
    operationId: 'dropDeadLetters',
    tags: ['jobs'],
    summary: 'Drop the dead letters that fit',
    description: 'At least one filter has to be given, or `all`.',
    parameters: parametersOf(CHANGE),
    responses: {
      200: answers.ok('What was dropped, or would be.', {
        content: json({ type: 'object', properties: { ids: IDS }, required: ['ids'] }),
      }),
      ...answers.problems(true, 'invalid-query', 'forbidden', 'cannot-list'),
    },
  }
}

function redriven(answers: Answers): JsonSchema {
  const properties = {
    ids: { ...IDS, description: 'Jobs that were sent again, or would be.' },
    succeeded: { ...IDS, description: 'Jobs that have succeeded meanwhile: not sent, and dropped.' },
    gone: { ...IDS, description: 'No dead letter any more.' },
  }
  return answers.ok('What was sent again, or would be.', {
    content: json({ type: 'object', properties, required: Object.keys(properties) }),
  })
}

function editOne(answers: Answers): JsonSchema {
  const properties = { input: { description: 'Replaces all of the input.' } }
  return {
    operationId: 'editDeadLetter',
    tags: ['jobs'],
    summary: 'Give a dead letter another input',
    description: 'Only for admins.',
    requestBody: {
      required: true,
      content: json({ type: 'object', properties, required: ['input'], additionalProperties: false }),
    },
    responses: {
      200: answers.ok('Changed.', { content: json(ref('schemas', 'DeadLetter')) }),
      ...answers.problems(
        true,
        'malformed-body',
        'forbidden',
        'not-found',
        'body-too-large',
        'unsupported-media-type',
        'invalid-input',
        'cannot-change',
        'cannot-list',
      ),
    },
  }
}

function one(operationId: string, summary: string, ok: JsonSchema | undefined, answers: Answers): JsonSchema {
  return {
    operationId,
    tags: ['jobs'],
    summary,
    description: 'One of others, or of a task that is not exposed, is for admins; for others there is none.',
    responses: {
      ...(ok ? { 200: ok } : { 204: answers.ok('Done.') }),
      ...answers.problems(operationId !== 'getDeadLetter', 'not-found', 'cannot-list'),
    },
  }
}
