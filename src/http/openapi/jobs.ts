import { MAX_TAG_LENGTH, MAX_TAGS } from '../../config/callOptions.ts'
import type { JsonSchema } from '../../std/jsonSchema.ts'
import { type Answers, json, ref, SUBMIT_PROBLEMS } from './answers.ts'
import { CALL_PARAMETERS } from './callParameters.ts'
import { changeJob, forgetJobs, revokeJobs } from './change.ts'
import { EVENT_STREAM } from './events.ts'
import { listJobs } from './jobList.ts'
import { linksFromBody, linksFromPath } from './links.ts'

/* The operations that every API has, whatever its tasks. */

const jobContent = json(ref('schemas', 'Job'))
const etag = { ETag: ref('headers', 'ETag') }
const applied = { 'Preference-Applied': ref('headers', 'PreferenceApplied') }
const retryPending = { 'Retry-After': ref('headers', 'RetryAfterPending') }

export const ID_PARAMETER: JsonSchema = { name: 'id', in: 'path', required: true, schema: { type: 'string' } }

/** Request headers of everything that submits jobs. */
export const SUBMIT_HEADERS: Readonly<Record<string, JsonSchema>> = {
  Prefer: {
    name: 'Prefer',
    in: 'header',
    description: '`wait=10`: answer when the job has ended, within so many seconds (30 at most); `respond-async`.',
    schema: { type: 'string' },
    example: 'wait=10',
  },
  Upload: {
    name: 'Celeriac-Upload',
    in: 'header',
    description: 'An input that was put before, in place of a body: what `POST /payloads` has answered.',
    schema: { type: 'string' },
  },
  IdempotencyKey: {
    name: 'Idempotency-Key',
    in: 'header',
    description: 'Requests with the same key and body are one: remembered for 24 h.',
    schema: { type: 'string', maxLength: 257 },
    example: '"9d1c-r1"',
  },
  Webhook: {
    name: 'Celeriac-Webhook',
    in: 'header',
    description: 'URL that is notified when the job has ended: a CloudEvent, signed as by Standard Webhooks.',
    schema: { type: 'string', format: 'uri', maxLength: 2048 },
  },
  Tag: {
    name: 'tag',
    in: 'query',
    description: `Words to find the job by, at most ${MAX_TAGS}.`,
    schema: { type: 'array', items: { type: 'string', maxLength: MAX_TAG_LENGTH }, maxItems: MAX_TAGS },
  },
}

/** The headers of a 202. */
export const ACCEPTED_HEADERS: JsonSchema = {
  Location: ref('headers', 'Location'),
  'Retry-After': ref('headers', 'RetryAfter'),
  Link: ref('headers', 'JobLinkHeader'),
  'Idempotent-Replayed': ref('headers', 'IdempotentReplayed'),
  ...applied,
}

/** What an answer says of the webhook that its request named. */
export function webhookMark(webhooks: boolean): JsonSchema {
  return webhooks ? { 'Celeriac-Webhook': ref('headers', 'WebhookMark') } : {}
}

/** What of an API changes the paths of jobs. */
interface JobPathFacts {
  readonly webhooks: boolean
  readonly fleet: boolean
  /** Admins may call any task. */
  readonly anyTask: boolean
}

/** The paths of jobs. `tasks`: names that a list may be filtered by. */
export function jobPaths(
  base: string,
  tasks: readonly string[],
  answers: Answers,
  { webhooks, fleet, anyTask }: JobPathFacts,
): JsonSchema {
  const job = `${base}/jobs/{id}`
  return {
    [`${base}/jobs`]: { get: listJobs(tasks, answers, fleet), delete: revokeJobs(tasks, answers) },
    [job]: { parameters: [ID_PARAMETER], get: getJob(answers), delete: cancelJob(answers), patch: changeJob(answers) },
    [`${job}/result`]: { parameters: [ID_PARAMETER], get: getResult(answers) },
    [`${job}/events`]: { parameters: [ID_PARAMETER], get: getEvents(answers) },
    [`${base}/records`]: { delete: forgetJobs(answers) },
    [`${job}/retry`]: { parameters: [ID_PARAMETER], post: retryJob(answers, webhooks, anyTask) },
  }
}

function getJob(answers: Answers): JsonSchema {
  return {
    operationId: 'getJob',
    tags: ['jobs'],
    summary: 'A job as it is now, or as soon as it changes',
    description: 'With `If-None-Match` and `Prefer: wait=25` it answers when the job has changed, else 304.',
    parameters: [
      { name: 'If-None-Match', in: 'header', description: 'The `ETag` that is known.', schema: { type: 'string' } },
      ref('parameters', 'Prefer'),
    ],
    responses: {
      200: answers.ok('The job.', {
        content: jobContent,
        headers: { ...etag, ...retryPending, ...applied },
        links: linksFromPath('getResult', 'getEvents', 'cancelJob', 'retryJob'),
      }),
      304: answers.ok('It has not changed.', { headers: { ...etag, ...retryPending, ...applied } }),
      ...answers.problems(false, 'unknown-job', 'job-expired'),
    },
  }
}

function cancelJob(answers: Answers): JsonSchema {
  return {
    operationId: 'cancelJob',
    tags: ['jobs'],
    summary: 'Cancel a job',
    description:
      'A job that waits never runs. A running one gets the signal to stop, and is ended by force with `terminate=1`, where the pool can. Of the job that a workflow was answered with, all of the workflow is cancelled.',
    parameters: [
      {
        name: 'terminate',
        in: 'query',
        description: '1: by force, where the pool can.',
        schema: { type: 'string', enum: ['0', '1', 'false', 'true'] },
      },
      {
        name: 'tree',
        in: 'query',
        description: '1: all of the workflow that it is in.',
        schema: { type: 'string', enum: ['0', '1', 'false', 'true'] },
      },
    ],
    responses: {
      200: answers.ok('It was waiting, and never runs.', { content: jobContent }),
      202: answers.ok('It runs, or a part of the workflow does, and was asked to stop.', {
        content: jobContent,
        headers: retryPending,
        links: linksFromPath('getJob', 'getEvents'),
      }),
      ...answers.problems(true, 'invalid-query', 'unknown-job', 'job-final'),
    },
  }
}

function getResult(answers: Answers): JsonSchema {
  const content = { 'application/json': { schema: {} }, 'application/octet-stream': {}, '*/*': {} }
  const headers = { ...etag, 'Accept-Ranges': ref('headers', 'AcceptRanges') }
  return {
    operationId: 'getResult',
    tags: ['jobs'],
    summary: 'The result alone, as its own type',
    description:
      'Bytes and text have the type that the task names, anything else is JSON. 202 while there is none yet; 409 where there will never be one.',
    parameters: [
      {
        name: 'Range',
        in: 'header',
        description: 'One range of bytes.',
        schema: { type: 'string' },
        example: 'bytes=0-99',
      },
      { name: 'If-Range', in: 'header', description: 'The `ETag` that the range is of.', schema: { type: 'string' } },
      { name: 'If-None-Match', in: 'header', description: 'The `ETag` that is known.', schema: { type: 'string' } },
    ],
    responses: {
      200: answers.ok('What the task returned: JSON, its bytes, or its text.', { content, headers }),
      202: answers.ok('Not yet: ask again.', {
        content: jobContent,
        headers: { 'Retry-After': ref('headers', 'RetryAfter') },
        links: linksFromPath('getJob', 'getEvents', 'cancelJob'),
      }),
      206: answers.ok('The part that was asked for.', {
        content: { '*/*': {} },
        headers: { ...headers, 'Content-Range': ref('headers', 'ContentRange') },
      }),
      304: answers.ok('Your copy is current.', { headers }),
      ...answers.problems(
        false,
        'unknown-job',
        'job-failed',
        'job-revoked',
        'job-unreadable',
        'job-expired',
        'range-not-satisfiable',
        ...answers.ofRoles('forbidden'),
      ),
    },
  }
}

function getEvents(answers: Answers): JsonSchema {
  return {
    operationId: 'getEvents',
    tags: ['jobs'],
    summary: 'What happens to a job, as server-sent events',
    description:
      'Events `state`, `progress`, `chunk` (a part of the output), `log`, `result`, `result-omitted` (it is too large: fetch it), `error`, and `reset` where some are missing; of a group `progress` is how many of its members have ended; the data is JSON, and `x-events` of the answer has a schema for that of each. Ids rise; a client that reconnects with the last id it has seen gets what follows. The stream ends with the job; after 204 an EventSource does not reconnect.',
    parameters: [
      { name: 'Last-Event-ID', in: 'header', description: 'The last event that was seen.', schema: { type: 'string' } },
      { name: 'last_event_id', in: 'query', description: 'The same, for a first request.', schema: { type: 'string' } },
    ],
    responses: {
      200: answers.ok('The events.', {
        content: EVENT_STREAM,
        headers: { 'X-Accel-Buffering': ref('headers', 'AccelBuffering') },
      }),
      204: answers.ok('The client has all events: there is nothing more to come.'),
      ...answers.problems(false, 'invalid-query', 'invalid-event-id', 'unknown-job', 'job-expired'),
    },
  }
}

function retryJob(answers: Answers, webhooks: boolean, anyTask: boolean): JsonSchema {
  return {
    operationId: 'retryJob',
    tags: ['jobs'],
    summary: 'Submit a job that has ended once more, as a new job',
    description:
      'The input that is known of the job is submitted again, under a new id. It needs a job that has ended.',
    parameters: [
      ref('parameters', 'IdempotencyKey'),
      ...(webhooks ? [ref('parameters', 'Webhook')] : []),
      ...(anyTask ? CALL_PARAMETERS : []),
    ],
    requestBody: { description: 'Another input; only for admins.', required: false, content: json({}) },
    responses: {
      202: answers.ok('Submitted: a new job.', {
        content: jobContent,
        headers: { ...ACCEPTED_HEADERS, ...webhookMark(webhooks) },
        links: linksFromBody('getJob', 'getResult', 'getEvents', 'cancelJob'),
      }),
      ...answers.problems(
        true,
        ...(webhooks ? (['invalid-webhook'] as const) : []),
        ...(anyTask ? (['invalid-query'] as const) : []),
        ...answers.ofRoles('unknown-task'),
        'malformed-body',
        'invalid-idempotency-key',
        'forbidden',
        'unknown-job',
        'job-active',
        'not-unique',
        'input-not-kept',
        ...SUBMIT_PROBLEMS,
      ),
    },
  }
}

/** The paths of batches. */
export function batchPaths(base: string, answers: Answers, webhooks: boolean): JsonSchema {
  const content = json(ref('schemas', 'Batch'))
  const member = {
    type: 'object',
    properties: { task: { type: 'string' }, input: {}, tags: { type: 'array', items: { type: 'string' } } },
    required: ['task'],
    additionalProperties: false,
  }
  const jobs = { type: 'array', minItems: 1, maxItems: 1000, items: member }
  const accepted = Object.fromEntries(
    Object.entries(ACCEPTED_HEADERS).filter(([name]) => name !== 'Link' && name !== 'Preference-Applied'),
  )
  const submitBatch = {
    operationId: 'submitBatch',
    tags: ['batches'],
    summary: 'Submit many jobs: all, or none',
    description:
      'Either all of the jobs are submitted or none of them: one that cannot be submitted is a problem, whose pointer says which.',
    parameters: [ref('parameters', 'IdempotencyKey'), ...(webhooks ? [ref('parameters', 'Webhook')] : [])],
    requestBody: { required: true, content: json({ type: 'object', properties: { jobs }, required: ['jobs'] }) },
    responses: {
      202: answers.ok('Submitted.', {
        content,
        headers: { ...accepted, ...webhookMark(webhooks) },
        links: linksFromBody('getBatch'),
      }),
      ...answers.problems(
        true,
        ...(webhooks ? (['invalid-webhook'] as const) : []),
        'malformed-body',
        'invalid-idempotency-key',
        'forbidden',
        ...SUBMIT_PROBLEMS,
      ),
    },
  }
  const getBatch = {
    operationId: 'getBatch',
    tags: ['batches'],
    summary: 'The states of the jobs of a batch, together',
    description: 'How many of its jobs are in which state, and each of them with its links.',
    responses: {
      200: answers.ok('The batch.', { content, headers: retryPending }),
      ...answers.problems(false, 'unknown-batch'),
    },
  }
  return {
    [`${base}/batches`]: { post: submitBatch },
    [`${base}/batches/{id}`]: { parameters: [ID_PARAMETER], get: getBatch },
  }
}

/** The path of what tasks wait for. */
export function waitPaths(base: string, answers: Answers): JsonSchema {
  const token = { name: 'token', in: 'path', required: true, schema: { type: 'string' } }
  const completeWait = {
    operationId: 'completeWait',
    tags: ['jobs'],
    summary: 'Answer a task that waits, once, by its token',
    description:
      'The token is from `ctx.waitFor` of the task. The first answer counts, later ones are 409. The token alone gives the right.',
    requestBody: { description: 'The answer; without one null.', required: false, content: json({}) },
    responses: {
      204: answers.ok('The task goes on.'),
      ...answers.problems(
        true,
        'malformed-body',
        'unknown-wait',
        'wait-completed',
        'wait-over',
        'invalid-input',
        'body-too-large',
        'unsupported-media-type',
        'cannot-remember',
      ),
    },
  }
  return { [`${base}/waits/{token}`]: { parameters: [token], post: completeWait } }
}

/** Health, and the document itself. */
export function systemPaths(answers: Answers): JsonSchema {
  const status = { type: 'object', properties: { status: { const: 'ok' } }, required: ['status'] }
  const health = (operationId: string, summary: string, description: string, more: JsonSchema): JsonSchema => ({
    operationId,
    tags: ['system'],
    summary,
    description,
    security: [],
    responses: { 200: { description: 'The process answers.', content: json(status) }, ...more },
  })
  return {
    '/livez': {
      get: health(
        'livez',
        'Does the process answer?',
        'For a liveness probe: it does not use the store, and needs no authentication.',
        answers.byStatus(['misdirected-request']),
      ),
    },
    '/readyz': {
      get: health(
        'readyz',
        'Does the store answer, too?',
        'For a readiness probe: 503 while the store does not answer, so that no requests are sent here.',
        answers.byStatus(['misdirected-request', 'internal-error', 'store-unavailable']),
      ),
    },
    '/openapi.json': {
      get: {
        operationId: 'getDocument',
        tags: ['system'],
        summary: 'This document',
        description:
          'Made from the tasks as they are: their names, and the JSON Schemas of input, progress and result.',
        responses: {
          200: answers.ok('OpenAPI 3.1.', { content: json({ type: 'object' }) }),
          ...answers.problems(false),
        },
      },
    },
  }
}

/** The metrics. `secured`: authentication is required. */
export function metricsPath(answers: Answers, secured: boolean): JsonSchema {
  const get = {
    operationId: 'getMetrics',
    tags: ['system'],
    summary: 'What is counted, for Prometheus',
    description: `Requests, jobs and queues, counted since the start.${secured ? ' Needs the scope `metrics` or `admin`.' : ''}`,
    ...(secured ? {} : { security: [] }),
    responses: {
      200: { description: 'Prometheus text.', content: { 'text/plain': { schema: { type: 'string' } } } },
      ...(secured ? answers.problems(false, 'forbidden') : answers.byStatus(['misdirected-request', 'internal-error'])),
    },
  }
  return { '/metrics': { get } }
}
