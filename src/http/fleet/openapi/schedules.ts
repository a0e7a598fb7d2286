import type { JsonSchema } from '../../../std/jsonSchema.ts'
import { type Answers, json, query, ref } from '../../openapi/answers.ts'

const TEXT = { type: 'string' }
const MOMENT = { type: 'string', format: 'date-time' }
const COUNT = { type: 'integer', minimum: 0 }
const VALUES = { type: 'object' }
const NAME = { type: 'string', minLength: 1, maxLength: 255 }
const MISSED = {
  oneOf: [
    { enum: ['skip', 'once'] },
    {
      type: 'object',
      properties: { all: { type: 'integer', minimum: 1, maximum: 1000 } },
      required: ['all'],
      additionalProperties: false,
    },
  ],
  description: 'Runs whose time passed while no beat ran: none, one for all, or each, the newest up to a limit.',
}
const OVERLAP = {
  enum: ['allow', 'skip', 'queue', 'cancel'],
  description: 'What happens to a run whose predecessor still waits or runs.',
}
const FIELD = {
  oneOf: [{ type: ['integer', 'string'] }, { type: 'array', items: { type: ['integer', 'string'] } }],
}
const CRONTAB_FIELDS = ['minute', 'hour', 'dayOfWeek', 'dayOfMonth', 'monthOfYear']
const ZONE = { type: 'string', description: 'IANA name. Default: UTC.', examples: ['Europe/Berlin'] }

/** One kind of schedule. */
function when(kind: string, properties: JsonSchema, required: readonly string[]): JsonSchema {
  return {
    type: 'object',
    properties: { kind: { const: kind }, ...properties },
    required: ['kind', ...required],
    additionalProperties: false,
  }
}

const WHEN = {
  oneOf: [
    when('cron', { expression: { ...TEXT, description: 'Five fields, or six with seconds first.' }, tz: ZONE }, [
      'expression',
    ]),
    when('crontab', { ...Object.fromEntries(CRONTAB_FIELDS.map((name) => [name, FIELD])), tz: ZONE }, []),
    when(
      'every',
      {
        interval: { type: ['number', 'string'], description: 'ms, or a time with its unit.', examples: ['30s'] },
        from: { ...TEXT, description: 'The first moment, ISO 8601.' },
      },
      ['interval'],
    ),
    when('at', { date: { ...TEXT, description: 'ISO 8601.' } }, ['date']),
    when('solar', { event: TEXT, lat: { type: 'number' }, lon: { type: 'number' } }, ['event', 'lat', 'lon']),
  ],
}

const DOCUMENT = {
  name: NAME,
  when: { ...TEXT, description: 'For people.', examples: ['every 30s'] },
  schedule: ref('schemas', 'When'),
  task: TEXT,
  args: { type: 'array', description: '`…` in place of what its task calls `sensitive`.' },
  kwargs: VALUES,
  concealed: { const: true, description: 'The arguments are not shown to the sender.' },
  options: { ...VALUES, description: 'Of its calls. Headers and stamps are shown to admins alone.' },
  missed: MISSED,
  overlap: OVERLAP,
  jitter: { ...COUNT, description: 'Each run is sent up to so much later, ms.' },
  start: { ...MOMENT, description: 'Nothing is due before.' },
  end: { ...MOMENT, description: 'Nothing is due after.' },
  source: { enum: ['code', 'call'], description: '`code`: the code of the app defines it; it cannot be removed.' },
  paused: { type: 'boolean' },
  nextRunAt: { ...MOMENT, description: 'Absent: it is paused, or it is never due again.' },
  late: { ...COUNT, description: 'For how long that moment has passed, ms: no beat runs, or it cannot keep up.' },
  lastRunAt: MOMENT,
  lastJob: { ...TEXT, description: 'Id of the job that it sent last.' },
  waiting: { type: 'boolean', description: 'A run waits for that job to end.' },
  runs: { ...COUNT, description: 'How many were sent.' },
  version: { ...TEXT, description: 'Another one after each change of its definition or its pause.' },
  next: { type: 'array', items: MOMENT, description: 'The next moments, with `?next=`.' },
}
const REQUIRED = ['name', 'when', 'schedule', 'task', 'options', 'missed', 'overlap', 'jitter', 'source', 'paused']

const CHANGE = {
  schedule: ref('schemas', 'When'),
  task: TEXT,
  input: { description: "The task's input, as `POST /tasks/{name}` takes it; else `args` and `kwargs`." },
  args: { type: 'array' },
  kwargs: VALUES,
  options: {
    ...VALUES,
    description: 'Options of its calls, as `{ "queue": "slow" }`: in place of all that there were.',
  },
  missed: MISSED,
  overlap: OVERLAP,
  jitter: { type: ['number', 'string'], description: 'ms, or a time with its unit.' },
  start: { type: ['string', 'null'], format: 'date-time' },
  end: { type: ['string', 'null'], format: 'date-time' },
}

/** The documents of schedules. */
export const SCHEDULE_SCHEMAS: JsonSchema = {
  When: WHEN,
  Schedule: {
    type: 'object',
    properties: DOCUMENT,
    required: [...REQUIRED, 'waiting', 'runs', 'version'],
    additionalProperties: false,
  },
  ScheduleChange: { type: 'object', properties: CHANGE, minProperties: 1, additionalProperties: false },
  NewSchedule: {
    type: 'object',
    properties: { name: NAME, ...CHANGE, paused: { type: 'boolean', default: false } },
    required: ['name', 'schedule', 'task'],
    additionalProperties: false,
  },
}

const ONE = { name: 'name', in: 'path', required: true, schema: NAME }
const IF_MATCH = {
  name: 'If-Match',
  in: 'header',
  schema: TEXT,
  description: 'The `ETag` of the entry: refused with 412 where another has changed it since.',
}

/** The paths of schedules. */
export function schedulePaths(base: string, answers: Answers): JsonSchema {
  const entry = (description: string): JsonSchema =>
    answers.ok(description, {
      content: json(ref('schemas', 'Schedule')),
      headers: { ETag: ref('headers', 'ScheduleTag') },
    })
  return {
    [`${base}/schedules`]: { get: listSchedules(answers), post: createSchedule(answers) },
    [`${base}/moments`]: { get: listMoments(answers) },
    [`${base}/schedules/{name}`]: {
      parameters: [ONE],
      get: {
        ...operation('getSchedule', 'One entry of the schedule', 'For viewers.'),
        parameters: [query('next', { type: 'integer', minimum: 1, maximum: 1000 }, 'Also so many next moments.')],
        responses: { 200: entry('The entry.'), ...problems(answers, false, 'invalid-query', 'unknown-schedule') },
      },
      patch: {
        ...operation('changeSchedule', 'Change an entry', 'For admins. If its times change, they count from now.'),
        parameters: [IF_MATCH],
        requestBody: { required: true, content: json(ref('schemas', 'ScheduleChange')) },
        responses: {
          200: entry('The entry after the change.'),
          ...problems(answers, true, 'unknown-schedule', 'schedule-changed', ...BODY, 'unknown-task'),
        },
      },
      delete: {
        ...operation('removeSchedule', 'Remove an entry', 'For admins. What the code defines cannot be removed.'),
        parameters: [IF_MATCH],
        responses: {
          204: answers.ok('It is removed.'),
          ...problems(answers, true, 'unknown-schedule', 'schedule-changed', 'schedule-in-code'),
        },
      },
    },
    [`${base}/schedules/{name}/pause`]: {
      parameters: [ONE],
      post: pausing('pauseSchedule', 'Send no run of it until it is resumed', answers),
    },
    [`${base}/schedules/{name}/resume`]: {
      parameters: [ONE],
      post: pausing('resumeSchedule', 'End its pause', answers),
    },
    [`${base}/schedules/{name}/run`]: { parameters: [ONE], post: runSchedule(base, answers) },
  }
}

function listSchedules(answers: Answers): JsonSchema {
  const page = {
    type: 'object',
    properties: {
      schedules: { type: 'array', items: ref('schemas', 'Schedule') },
      cursor: { type: 'string', description: 'Of the next page; absent at the end.' },
    },
    required: ['schedules'],
  }
  return {
    ...operation('listSchedules', 'The entries of the schedule, by name', 'For viewers.'),
    parameters: [
      query('task', TEXT, 'Of this task alone.'),
      query('paused', { type: 'boolean' }, 'Only those that are paused, or are not.'),
      query('limit', { type: 'integer', minimum: 1, maximum: 1000, default: 50 }, 'At most so many.'),
      query('cursor', TEXT, 'From the page before.'),
    ],
    responses: {
      200: answers.ok('A page.', { content: json(page), headers: { Link: ref('headers', 'NextLink') } }),
      ...problems(answers, false, 'invalid-query'),
    },
  }
}

function listMoments(answers: Answers): JsonSchema {
  const document = {
    type: 'object',
    properties: { when: DOCUMENT.when, next: { type: 'array', items: MOMENT } },
    required: ['when', 'next'],
    additionalProperties: false,
  }
  return {
    ...operation('listMoments', 'When a schedule would be due', 'For viewers. Nothing is added.'),
    parameters: [
      { ...query('schedule', TEXT, 'A schedule as JSON, as `POST /schedules` takes it.'), required: true },
      query('next', { type: 'integer', minimum: 1, maximum: 1000, default: 10 }, 'So many moments.'),
      query('start', MOMENT, 'None before.'),
      query('end', MOMENT, 'None after.'),
    ],
    responses: {
      200: answers.ok('The moments.', { content: json(document) }),
      ...problems(answers, false, 'invalid-query'),
    },
  }
}

function createSchedule(answers: Answers): JsonSchema {
  return {
    ...operation('createSchedule', 'Add an entry', 'For admins. It stays until it is removed.'),
    requestBody: { required: true, content: json(ref('schemas', 'NewSchedule')) },
    responses: {
      201: answers.ok('The new entry.', {
        content: json(ref('schemas', 'Schedule')),
        headers: { ETag: ref('headers', 'ScheduleTag'), Location: ref('headers', 'ScheduleLocation') },
      }),
      ...problems(answers, true, 'schedule-exists', ...BODY, 'unknown-task'),
    },
  }
}

function runSchedule(base: string, answers: Answers): JsonSchema {
  const document = {
    type: 'object',
    properties: {
      id: { ...TEXT, description: "The job's." },
      links: { type: 'object', properties: { self: { ...TEXT, examples: [`${base}/jobs/…`] } }, required: ['self'] },
    },
    required: ['id', 'links'],
  }
  return {
    ...operation('runSchedule', 'Send its task now, apart from its times', 'For operators. Not to be repeated.'),
    responses: {
      202: answers.ok('It was sent.', { content: json(document), headers: { Location: ref('headers', 'Location') } }),
      ...problems(answers, true, 'unknown-schedule', 'queue-full'),
    },
  }
}

function pausing(operationId: string, summary: string, answers: Answers): JsonSchema {
  return {
    ...operation(operationId, summary, 'For operators. It may be repeated.'),
    responses: { 204: answers.ok('So it is.'), ...problems(answers, true, 'unknown-schedule') },
  }
}

const BODY = ['malformed-body', 'body-too-large', 'unsupported-media-type', 'invalid-input'] as const

function problems(answers: Answers, writes: boolean, ...kinds: Parameters<Answers['byStatus']>[0]): JsonSchema {
  return answers.problems(writes, ...kinds, 'forbidden', 'cannot-schedule')
}

function operation(operationId: string, summary: string, description: string): JsonSchema {
  return { operationId, tags: ['fleet'], summary, description }
}
