import type { JsonSchema } from '../../std/jsonSchema.ts'
import { ref } from './answers.ts'

/* The schemas and headers that every API shares. */

const moment = { type: ['string', 'null'], format: 'date-time' }
const text = { type: 'string' }

const job: JsonSchema = {
  description: 'A job: one call of a task, from its submission to its end.',
  type: 'object',
  properties: {
    id: text,
    task: { type: ['string', 'null'] },
    state: {
      type: 'string',
      description: "Celery's state, or one of the task's own.",
      examples: ['PENDING', 'RECEIVED', 'STARTED', 'RETRY', 'SUCCESS', 'FAILURE', 'REVOKED'],
    },
    progress: { description: 'Last value that the task reported; null where it reported none.' },
    attempt: {
      type: 'integer',
      minimum: 1,
      description: '1 at the first run, 1 more after each retry and each run that was lost with its worker.',
    },
    createdAt: moment,
    startedAt: moment,
    finishedAt: moment,
    traceparent: { ...text, description: 'W3C trace context of its run, where its message had one.' },
    result: { description: 'After SUCCESS; not in lists.' },
    resultOmitted: { const: true, description: 'The result is too large to be here: fetch it.' },
    error: ref('schemas', 'JobError'),
    links: ref('schemas', 'JobLinks'),
  },
  required: ['id', 'task', 'state', 'progress', 'attempt', 'createdAt', 'startedAt', 'finishedAt', 'links'],
}

const links: JsonSchema = {
  type: 'object',
  properties: { self: text, result: text, events: text },
  required: ['self', 'result', 'events'],
}

const error: JsonSchema = {
  description: 'After FAILURE and REVOKED, and while RETRY waits.',
  type: 'object',
  properties: { type: { ...text, description: 'Class name of the error in the worker.' }, message: text },
  required: ['type', 'message'],
}

const list: JsonSchema = {
  type: 'object',
  properties: {
    jobs: { type: 'array', items: ref('schemas', 'Job') },
    cursor: { ...text, description: 'Of the next page; absent at the end.' },
  },
  required: ['jobs'],
}

const batch: JsonSchema = {
  type: 'object',
  properties: {
    id: text,
    createdAt: { type: 'string', format: 'date-time' },
    total: { type: 'integer' },
    finished: { type: 'integer', description: 'How many have ended, or are not known any more.' },
    states: { type: 'object', additionalProperties: { type: 'integer' }, description: 'How many are in each state.' },
    jobs: {
      type: 'array',
      items: {
        type: 'object',
        properties: { id: text, task: text, state: text, links: ref('schemas', 'JobLinks') },
        required: ['id', 'task', 'state', 'links'],
      },
    },
    links: { type: 'object', properties: { self: text }, required: ['self'] },
  },
  required: ['id', 'createdAt', 'total', 'finished', 'states', 'jobs', 'links'],
}

const problem: JsonSchema = {
  description: 'RFC 9457.',
  type: 'object',
  properties: {
    type: { type: 'string', format: 'uri' },
    title: text,
    status: { type: 'integer' },
    detail: text,
    instance: text,
  },
  required: ['type', 'title', 'status', 'detail', 'instance'],
}

const inputError: JsonSchema = {
  type: 'object',
  properties: {
    pointer: { ...text, description: 'JSON Pointer as a URI fragment.', examples: ['#/dpi'] },
    code: { enum: ['required', 'type', 'invalid', 'unsendable'] },
    detail: text,
  },
  required: ['pointer', 'code', 'detail'],
}

const jobEnded: JsonSchema = {
  description: 'CloudEvents 1.0, structured JSON.',
  type: 'object',
  properties: {
    specversion: { const: '1.0' },
    id: { ...text, description: 'The same in every attempt: store it to recognise repeats.' },
    type: { enum: ['succeeded', 'failed', 'revoked'].map((end) => `celeriac.job.${end}.v1`) },
    source: text,
    subject: { ...text, description: 'Id of the job.' },
    time: { type: 'string', format: 'date-time' },
    datacontenttype: { const: 'application/json' },
    data: ref('schemas', 'JobEnd'),
  },
  required: ['specversion', 'id', 'type', 'source', 'subject', 'time', 'datacontenttype', 'data'],
}

const jobEnd: JsonSchema = {
  type: 'object',
  properties: {
    id: text,
    task: { type: ['string', 'null'] },
    state: { enum: ['SUCCESS', 'FAILURE', 'REVOKED'] },
    attempt: { type: 'integer', minimum: 1 },
    startedAt: moment,
    finishedAt: moment,
    result: { description: 'After SUCCESS.' },
    resultOmitted: { const: true, description: 'The result is longer than 256 KiB: fetch it.' },
    error: ref('schemas', 'JobError'),
  },
  required: ['id', 'task', 'state', 'attempt', 'startedAt', 'finishedAt'],
}

export const SCHEMAS: Readonly<Record<string, JsonSchema>> = {
  Job: job,
  JobLinks: links,
  JobError: error,
  JobList: list,
  Batch: batch,
  Problem: problem,
  InputError: inputError,
}

/** Of webhooks alone. */
export const WEBHOOK_SCHEMAS: Readonly<Record<string, JsonSchema>> = { JobEnded: jobEnded, JobEnd: jobEnd }

const header = (description: string, schema: JsonSchema, required = true): JsonSchema => ({
  description,
  required,
  schema,
})

export const HEADERS: Readonly<Record<string, JsonSchema>> = {
  Location: header('Path of the job, or of the batch.', text),
  ContentLocation: header('Path of the job, whose document this is.', text),
  RetryAfter: header('Seconds until it makes sense to ask again.', { type: 'integer', minimum: 0 }),
  RetryAfterPending: header(
    'Seconds until it makes sense to ask again; absent once it has ended.',
    { type: 'integer' },
    false,
  ),
  JobLinkHeader: header('Events (`monitor`) and result of the job (RFC 8288).', text),
  NextLink: header('The next page, with rel="next"; absent at the end.', text, false),
  ETag: header('Changes with every change: send it as `If-None-Match`.', { type: 'string', pattern: '^(W/)?".*"$' }),
  ScheduleTag: header('Changes with every change of the entry, and not with its runs: send it as `If-Match`.', text),
  ScheduleLocation: header('Path of the entry.', text),
  PreferenceApplied: header('Which preferences of `Prefer` were applied (RFC 7240).', text, false),
  IdempotentReplayed: header(
    'true: the key was used before, and this is the answer of the first request.',
    { const: 'true' },
    false,
  ),
  WebhookMark: header(
    '`disabled`: the webhook has failed for long, or is gone: the job runs, but no webhook is sent unless the endpoint works again.',
    { const: 'disabled' },
    false,
  ),
  AcceptRanges: header('`bytes`', { const: 'bytes' }),
  ContentRange: header('Which part this is, or the length of the whole.', { type: 'string', pattern: '^bytes ' }),
  AccelBuffering: header('`no`: proxies must not hold events back.', { const: 'no' }),
  WwwAuthenticate: header('How to authenticate (RFC 9110).', text),
  RateLimit: header('What is left of the limit, and when it is restored.', text),
  RateLimitPolicy: header('The limit: so many requests in so many seconds.', text),
}
