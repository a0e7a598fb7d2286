import type { JsonSchema } from '../../std/jsonSchema.ts'
import { type Answers, json, query, ref } from './answers.ts'

/** Changing a job while it waits. */
export function changeJob(answers: Answers): JsonSchema {
  const properties = {
    eta: { type: 'string', format: 'date-time', description: 'Not before this moment; one that has passed: now.' },
    input: { description: 'Replaces all of the input. Only for admins.' },
    priority: { type: 'integer', description: 'Only for admins.' },
    queue: { type: 'string', description: 'The queue that it waits in from now on. Only for admins.' },
  }
  return {
    operationId: 'changeJob',
    tags: ['jobs'],
    summary: 'Change a job while it waits',
    description: 'A worker runs the job as it was before or as it is after, once.',
    requestBody: {
      required: true,
      content: json({ type: 'object', properties, minProperties: 1, additionalProperties: false }),
    },
    responses: {
      200: answers.ok('Changed.', {
        content: json(ref('schemas', 'Job')),
        headers: { 'Retry-After': ref('headers', 'RetryAfter') },
      }),
      ...answers.problems(
        true,
        'malformed-body',
        'forbidden',
        'unknown-job',
        'job-not-waiting',
        'body-too-large',
        'unsupported-media-type',
        'invalid-input',
        'cannot-change',
      ),
    },
  }
}

/** Revoking many. `tasks`: names that it may be about. */
export function revokeJobs(tasks: readonly string[], answers: Answers): JsonSchema {
  const flag = { type: 'boolean', default: false }
  const text = { type: 'string' }
  const parameters = {
    state: [text, 'Only those in this state.'],
    task: [tasks.length > 0 ? { type: 'string', enum: tasks } : text, 'Only those of this task.'],
    owner: [text, 'Only those that this client submitted.'],
    tag: [text, 'Only those with this tag.'],
    q: [{ type: 'string', minLength: 1, maxLength: 200 }, 'Only those with each of these words, as in the list.'],
    since: [text, 'Only those submitted since then: a time, or a date.'],
    olderThan: [{ type: 'string', examples: ['2d'] }, 'Only those submitted at least this long ago.'],
    dryRun: [flag, 'List what would be revoked, and change nothing.'],
    terminate: [flag, 'Also end running ones by force, where their pool can.'],
    limit: [{ type: 'integer', minimum: 1, maximum: 1000, default: 1000 }, 'Most jobs of one request.'],
    cursor: [text, 'From the answer before, to go on.'],
  } as const
  const properties = {
    jobs: { type: 'array', items: ref('schemas', 'Job'), description: 'As they were before, newest first.' },
    revoked: { type: 'integer', description: 'How many of them were revoked; in a dry run 0.' },
    cursor: { type: 'string', description: 'There are more that may fit.' },
  }
  return {
    operationId: 'revokeJobs',
    tags: ['jobs'],
    summary: 'Revoke the jobs that fit a filter and have not ended',
    description: 'Only for operators and admins. At least one filter has to be given.',
    parameters: Object.entries(parameters).map(([name, [schema, description]]) => query(name, schema, description)),
    responses: {
      200: answers.ok('What was revoked, or would be.', {
        content: json({ type: 'object', properties, required: ['jobs', 'revoked'] }),
      }),
      ...answers.problems(true, 'invalid-query', 'forbidden', 'cannot-list'),
    },
  }
}

/** Removing what is kept of many. */
export function forgetJobs(answers: Answers): JsonSchema {
  const flag = { type: 'boolean', default: false }
  const text = { type: 'string' }
  const parameters = {
    id: [{ type: 'array', items: text, maxItems: 1000 }, 'Only these; without `limit` and `cursor`.'],
    owner: [text, 'Only those that this client submitted; for admins that of others, too.'],
    tag: [text, 'Only those with this tag.'],
    dryRun: [flag, 'Report what would be removed, and change nothing.'],
    revoke: [flag, 'Revoke those that have not ended before.'],
    limit: [{ type: 'integer', minimum: 1, maximum: 1000, default: 1000 }, 'Most jobs of one request.'],
    cursor: [text, 'From the answer before, to go on.'],
  } as const
  return {
    operationId: 'forgetJobs',
    tags: ['jobs'],
    summary: 'Forget the jobs that fit a filter and have ended',
    description:
      'Removes their records, events, metadata, kept inputs, answers, and dead letters, and what reported their ends. At least one of `id`, `owner` and `tag` has to be given; jobs of others are for admins.',
    parameters: Object.entries(parameters).map(([name, [schema, description]]) => query(name, schema, description)),
    responses: {
      200: answers.ok('What was removed, or would be.', { content: json(FORGOTTEN) }),
      ...answers.problems(true, 'invalid-query', 'forbidden', 'cannot-list'),
    },
  }
}

const COUNT = { type: 'integer', minimum: 0 }
const IDS = { type: 'array', items: { type: 'string' } }
const REMOVED = {
  records: { ...COUNT, description: 'Records of jobs.' },
  events: { ...COUNT, description: 'States, chunks and log lines.' },
  metadata: { ...COUNT, description: 'Jobs with an owner, tags or a kept input.' },
  inputs: { ...COUNT, description: 'Inputs that were kept.' },
  payloads: { ...COUNT, description: 'Large inputs and results in the payload store.' },
  waits: { ...COUNT, description: 'Answers that tasks waited for.' },
  deliveries: { ...COUNT, description: 'Records of tasks that reported the ends of jobs.' },
  deadLetters: {
    oneOf: [COUNT, { const: 'not searched' }],
    description:
      'Dead letters. With `rpc://` they are in queues, which are not searched in a dry run, or where the store finds no messages.',
  },
}
const FORGOTTEN = {
  type: 'object',
  properties: {
    ids: { ...IDS, description: 'Jobs of which something was removed.' },
    active: {
      ...IDS,
      description: 'Jobs that fit and were not forgotten: they, or deliveries of them, have not ended.',
    },
    removed: { type: 'object', properties: REMOVED, required: Object.keys(REMOVED) },
    cursor: { type: 'string', description: 'There are more that may fit.' },
  },
  required: ['ids', 'active', 'removed'],
}
