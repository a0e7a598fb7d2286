import type { JsonSchema } from '../../../std/jsonSchema.ts'
import { type Answers, json, query, ref } from '../../openapi/answers.ts'
import { inputPath } from './jobInput.ts'

const TEXT = { type: 'string' }
const TEXTS = { type: 'array', items: TEXT }
const MOMENT = { type: 'string', format: 'date-time' }
const COUNT = { type: 'integer', minimum: 0 }
const MS = { type: 'number', minimum: 0, description: 'ms' }
const FLAG = { type: 'boolean', default: false }

/** A closed object of these members, of which those named are optional. */
export function object(properties: JsonSchema, ...optional: readonly string[]): JsonSchema {
  const required = Object.keys(properties).filter((name) => !optional.includes(name))
  return { type: 'object', properties, required, additionalProperties: false }
}

const arrayOf = (name: string): JsonSchema => ({ type: 'array', items: ref('schemas', name) })

const JOB = {
  id: TEXT,
  task: { type: ['string', 'null'] },
  state: { ...TEXT, examples: ['STARTED', 'FAILURE'] },
  args: { ...TEXT, description: 'As Python prints them.', examples: ["('a', 1)"] },
  kwargs: TEXT,
  result: TEXT,
  exception: { ...TEXT, examples: ["ValueError('no such row')"] },
  traceback: { ...TEXT, description: 'Not in lists.' },
  fingerprint: { ...TEXT, description: 'Of the failures like it.' },
  queue: TEXT,
  worker: TEXT,
  client: { ...TEXT, description: 'Who called it, where that sends events.' },
  owner: TEXT,
  tags: TEXTS,
  root: TEXT,
  parent: TEXT,
  retries: COUNT,
  eta: TEXT,
  expires: TEXT,
  sentAt: MOMENT,
  receivedAt: MOMENT,
  startedAt: MOMENT,
  endedAt: MOMENT,
  firstAt: { ...MOMENT, description: 'Of its first event.' },
  changedAt: { ...MOMENT, description: 'Of its last event.' },
  wait: { ...MS, description: 'ms from the first that is known of it to its first start.' },
  runtime: { ...MS, description: 'ms of its last run.' },
  links: object({ self: TEXT, history: TEXT }),
}
const REQUIRED = new Set(['id', 'task', 'state', 'tags', 'retries', 'firstAt', 'changedAt', 'links'])
const OPTIONAL = Object.keys(JOB).filter((name) => !REQUIRED.has(name))

const COUNTS = ['sent', 'received', 'started', 'succeeded', 'failed', 'retried', 'revoked']
const PERCENTILES = { ...object({ p50: MS, p95: MS, p99: MS }), description: 'ms' }

const SUMS = { ...Object.fromEntries(COUNTS.map((name) => [name, COUNT])), wait: PERCENTILES, run: PERCENTILES }

/** The documents of what is recorded. */
export const RECORDED_SCHEMAS: JsonSchema = {
  RecordedJob: object(JOB, ...OPTIONAL),
  JobStep: object(
    {
      type: { ...TEXT, examples: ['task-started'] },
      at: MOMENT,
      worker: TEXT,
      runtime: MS,
      exception: TEXT,
      retries: COUNT,
    },
    ...['runtime', 'exception', 'retries'],
  ),
  Facet: object({ value: TEXT, count: COUNT }),
  Facets: object({
    states: arrayOf('Facet'),
    tasks: arrayOf('Facet'),
    queues: arrayOf('Facet'),
    workers: arrayOf('Facet'),
    total: COUNT,
    isPartial: { type: 'boolean', description: 'The newest were counted alone.' },
  }),
  RetriedJobs: object(
    {
      ids: { ...TEXTS, description: 'Jobs that were submitted again, or would be.' },
      retried: { type: 'object', additionalProperties: TEXT, description: 'Ids of the new jobs, by those of the old.' },
      before: { ...TEXTS, description: 'Submitted again before.' },
      inputNotKept: TEXTS,
      unfit: { ...TEXTS, description: 'Without a record, or in another state by now.' },
      cursor: { ...TEXT, description: 'There may be more.' },
    },
    'cursor',
  ),
  RevokedJobs: object(
    {
      ids: { ...TEXTS, description: 'Jobs that fit and had not ended.' },
      revoked: { ...COUNT, description: 'How many of them were revoked; in a dry run 0.' },
      ended: { ...TEXTS, description: 'Those that had ended before they could be revoked.' },
      cursor: { ...TEXT, description: 'There may be more.' },
    },
    'cursor',
  ),
  StatsSums: object(SUMS, ...['wait', 'run']),
  StatsPoint: object({ at: { ...MOMENT, description: 'Where the step begins.' }, ...SUMS }, ...['wait', 'run']),
  Gap: object({ from: MOMENT, to: MOMENT, reason: { enum: ['unrecorded', 'lost'] }, events: COUNT }, 'events'),
  Stats: object({
    from: MOMENT,
    to: MOMENT,
    step: { enum: ['1s', '1m', '1h'] },
    series: {
      type: 'array',
      items: object({ name: TEXT, total: ref('schemas', 'StatsSums'), points: arrayOf('StatsPoint') }),
    },
    gaps: arrayOf('Gap'),
  }),
  Failure: object(
    {
      fingerprint: TEXT,
      task: TEXT,
      type: { ...TEXT, description: 'Class of the error.' },
      message: { ...TEXT, description: 'Of the last one.' },
      count: COUNT,
      firstAt: MOMENT,
      lastAt: MOMENT,
      regressedAt: { ...MOMENT, description: 'It came again after its task had gone without it.' },
      lastJob: TEXT,
    },
    'regressedAt',
  ),
}

/** A page of recorded jobs. */
export const RECORDED_LIST: JsonSchema = object(
  { jobs: arrayOf('RecordedJob'), facets: ref('schemas', 'Facets'), cursor: TEXT },
  ...['facets', 'cursor'],
)

type Parameters = Readonly<Record<string, readonly [JsonSchema, string]>>

const WORDS = { ...TEXT, description: 'Several with commas between them.' }
/** The list's own filter has some of them; the recorder takes several values. */
const FILTER: Parameters = {
  queue: [WORDS, 'Only those of these queues. From the recorder.'],
  worker: [WORDS, 'Only those whose last event is of one of these workers. From the recorder.'],
  owner: [TEXT, 'Only those of this client. From the recorder.'],
  root: [TEXT, 'Only those of this workflow. From the recorder.'],
  fingerprint: [TEXT, 'Only those that failed so. From the recorder.'],
  until: [TEXT, 'Only those that were first seen before: a time, or a date. From the recorder.'],
}
const SHARED: Parameters = {
  state: [WORDS, 'FAILURE, REVOKED or SUCCESS. Default: FAILURE.'],
  task: [WORDS, 'Only those of these tasks.'],
  tag: [TEXT, 'Only those with this tag.'],
  since: [TEXT, 'Only those that were first seen since: a time, or a date.'],
  q: [{ type: 'string', minLength: 1, maxLength: 200 }, 'Only those with each of these words.'],
}
const LIMIT = { type: 'integer', minimum: 1, maximum: 1000 }
const CURSOR = [TEXT, 'From the page before.'] as const

/** Parameters of `GET /jobs` that the recorder answers. */
export const RECORDED_PARAMETERS: readonly JsonSchema[] = parametersOf({
  recorded: [FLAG, 'List what the recorder knows, also jobs of other clients.'],
  facets: [FLAG, 'Count the values of states, tasks, queues and workers, too.'],
  ...FILTER,
})

/** Parameters behind the `?`. */
export function parametersOf(parameters: Parameters): JsonSchema[] {
  return Object.entries(parameters).map(([name, [schema, description]]) => query(name, schema, description))
}

/** The paths of what is recorded. */
export function recordedPaths(base: string, answers: Answers): JsonSchema {
  const word = { type: 'string', minLength: 1, maxLength: 255 }
  const fingerprint = { name: 'fingerprint', in: 'path', required: true, schema: word }
  return {
    [`${base}/jobs/retry`]: { post: retryMany(answers) },
    [`${base}/jobs/revoke`]: { post: revokeMany(answers) },
    [`${base}/jobs/{id}/history`]: {
      parameters: [{ name: 'id', in: 'path', required: true, schema: word }],
      get: getHistory(answers),
    },
    ...inputPath(base, answers),
    [`${base}/stats`]: { get: getStats(answers) },
    [`${base}/failures`]: { get: listFailures(answers) },
    [`${base}/failures/{fingerprint}`]: { parameters: [fingerprint], get: getFailure(answers) },
    [`${base}/failures/{fingerprint}/retry`]: { parameters: [fingerprint], post: retryFailure(answers) },
    [`${base}/events`]: { get: getEvents(answers) },
  }
}

function getHistory(answers: Answers): JsonSchema {
  return {
    operationId: 'getJobHistory',
    tags: ['fleet'],
    summary: 'A job with its events',
    responses: {
      200: answers.ok('It, and the newest 1000 of its events.', {
        content: json(object({ job: ref('schemas', 'RecordedJob'), steps: arrayOf('JobStep') })),
      }),
      ...answers.problems(false, 'invalid-query', 'unknown-job', 'cannot-list'),
    },
  }
}

function retried(answers: Answers): JsonSchema {
  return answers.ok('What was submitted again, or would be.', { content: json(ref('schemas', 'RetriedJobs')) })
}

const IDS: Parameters = { id: [TEXT, 'Only these, at most 100, with commas between them.'] }
const RETRY: Parameters = {
  dryRun: [FLAG, 'List them, and submit nothing.'],
  limit: [{ ...LIMIT, default: 1000 }, 'Most of one request.'],
  cursor: CURSOR,
}

function retryMany(answers: Answers): JsonSchema {
  return {
    operationId: 'retryJobs',
    tags: ['fleet'],
    summary: 'Submit the recorded jobs that fit once more',
    description: 'At least one filter has to be given. Jobs of others need the scope operator. May be repeated.',
    parameters: parametersOf({ ...IDS, ...SHARED, ...FILTER, ...RETRY }),
    responses: {
      200: retried(answers),
      ...answers.problems(true, 'invalid-query', 'forbidden', 'cannot-list', 'queue-full'),
    },
  }
}

function revokeMany(answers: Answers): JsonSchema {
  return {
    operationId: 'revokeRecordedJobs',
    tags: ['fleet'],
    summary: 'Revoke the recorded jobs that fit and have not ended',
    description: 'At least one filter has to be given. Jobs of others need the scope operator. May be repeated.',
    parameters: parametersOf({
      ...IDS,
      ...SHARED,
      state: [WORDS, 'Of jobs that have not ended. Default: all of these.'],
      ...FILTER,
      dryRun: [FLAG, 'List them, and revoke nothing.'],
      terminate: [FLAG, 'Also end running ones by force, where their pool can.'],
      limit: [{ ...LIMIT, default: 1000 }, 'Most of one request.'],
      cursor: CURSOR,
    }),
    responses: {
      200: answers.ok('What was revoked, or would be.', { content: json(ref('schemas', 'RevokedJobs')) }),
      ...answers.problems(true, 'invalid-query', 'forbidden', 'cannot-list'),
    },
  }
}

function getStats(answers: Answers): JsonSchema {
  return {
    operationId: 'getStats',
    tags: ['fleet'],
    summary: 'How many jobs came, ran and failed, and how long they waited and ran',
    description: 'Own jobs by task; those of all, and by queue, need the scope viewer.',
    parameters: parametersOf({
      from: [TEXT, 'A time, or a date. Default: an hour before `to`.'],
      to: [TEXT, 'Default: now.'],
      step: [{ enum: ['1s', '1m', '1h'] }, 'Default: the shortest that gives at most 1500 points.'],
      by: [{ enum: ['all', 'task', 'queue'], default: 'task' }, 'What a series is of.'],
      task: [WORDS, 'Only these tasks.'],
      queue: [WORDS, 'Only these queues.'],
      owner: [TEXT, 'Only jobs of this client.'],
      points: [{ type: 'boolean', default: true }, 'False: sums alone.'],
    }),
    responses: {
      200: answers.ok('Series of points; steps in which nothing happened are left out.', {
        content: json(ref('schemas', 'Stats')),
      }),
      ...answers.problems(false, 'invalid-query', 'forbidden', 'cannot-list'),
    },
  }
}

function listFailures(answers: Answers): JsonSchema {
  return {
    operationId: 'listFailures',
    tags: ['fleet'],
    summary: 'Failures, by task and kind of error',
    description: 'The last seen first. Own jobs alone without the scope viewer.',
    parameters: parametersOf({
      task: [WORDS, 'Only those of these tasks.'],
      owner: [TEXT, 'Only those of jobs of this client.'],
      since: [TEXT, 'Only those seen since: a time, or a date.'],
      q: [{ type: 'string', minLength: 1, maxLength: 200 }, 'Only those with each of these words.'],
      limit: [{ ...LIMIT, default: 50 }, 'How many at most.'],
      cursor: CURSOR,
    }),
    responses: {
      200: answers.ok('A page of them.', {
        content: json(object({ failures: arrayOf('Failure'), cursor: TEXT }, 'cursor')),
        headers: { Link: ref('headers', 'NextLink') },
      }),
      ...answers.problems(false, 'invalid-query', 'forbidden', 'cannot-list'),
    },
  }
}

function getFailure(answers: Answers): JsonSchema {
  return {
    operationId: 'getFailure',
    tags: ['fleet'],
    summary: 'Failures of one kind',
    responses: {
      200: answers.ok('They.', { content: json(ref('schemas', 'Failure')) }),
      ...answers.problems(false, 'invalid-query', 'not-found', 'cannot-list'),
    },
  }
}

function retryFailure(answers: Answers): JsonSchema {
  return {
    operationId: 'retryFailure',
    tags: ['fleet'],
    summary: 'Submit the jobs of these failures once more',
    description: 'Jobs of others need the scope operator. May be repeated.',
    parameters: parametersOf({ since: [TEXT, 'Only those that were first seen since.'], ...RETRY }),
    responses: {
      200: retried(answers),
      ...answers.problems(true, 'invalid-query', 'forbidden', 'not-found', 'cannot-list', 'queue-full'),
    },
  }
}

const EVENT = object(
  { type: TEXT, hostname: TEXT, at: MOMENT, id: TEXT, task: TEXT, fields: { type: 'object' } },
  ...['id', 'task'],
)
const RESET = object({ after: COUNT, before: COUNT })

function getEvents(answers: Answers): JsonSchema {
  return {
    operationId: 'getFleetEvents',
    tags: ['fleet'],
    summary: 'What happens in the fleet, as server-sent events',
    description: 'Goes on until the client leaves. Own jobs alone without the scope viewer.',
    parameters: [
      ...parametersOf({
        type: [WORDS, 'Only these types, with `*`, as `task-*`.'],
        task: [WORDS, 'Only those of these tasks.'],
        owner: [TEXT, 'Only those of jobs of this client.'],
        last_event_id: [{ type: 'integer', minimum: 0 }, 'Those after this number. Default: from now on.'],
      }),
      {
        name: 'Last-Event-ID',
        in: 'header',
        schema: { type: 'integer', minimum: 0 },
        description: 'Before the query.',
      },
    ],
    responses: {
      200: answers.ok('A stream of the events `fleet` and `reset`.', {
        content: { 'text/event-stream': { schema: TEXT, 'x-events': { fleet: EVENT, reset: RESET } } },
        headers: { 'X-Accel-Buffering': ref('headers', 'AccelBuffering') },
      }),
      ...answers.problems(false, 'invalid-query', 'invalid-event-id', 'forbidden', 'cannot-list'),
    },
  }
}
