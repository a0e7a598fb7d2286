import type { JsonSchema } from '../../../std/jsonSchema.ts'
import { type Answers, json, ref } from '../../openapi/answers.ts'
import { object, parametersOf } from './recorded.ts'

const TEXT = { type: 'string' }
const TEXTS = { type: 'array', items: TEXT }
const COUNT = { type: 'integer', minimum: 0 }
const FLAG = { type: 'boolean' }
const WORDS = { ...TEXT, description: 'Several with commas between them.' }
const SUBJECTS = ['jobs', 'stats', 'queues', 'workers', 'failures']
const SUBJECT = { enum: SUBJECTS }

const arrayOf = (name: string): JsonSchema => ({ type: 'array', items: ref('schemas', name) })

/** What the sender may do, by name. */
const ABILITIES: Readonly<Record<string, string>> = {
  see: 'See the fleet: jobs of all owners, queues, workers.',
  record: 'See what is recorded.',
  list: 'List the jobs that the result backend keeps.',
  pause: 'Pause and resume.',
  peek: 'See messages that wait.',
  content: 'See their headers and arguments.',
  purge: 'Drop the messages of a queue.',
  retry: 'Submit jobs again.',
  retryEdited: 'Submit jobs again with another input.',
  revoke: 'Revoke jobs, and stop those that run.',
  reschedule: 'Change when a waiting job runs.',
  change: 'Change its input, queue or priority.',
  forget: 'Remove what is kept of jobs of all owners.',
  dead: 'See dead letters.',
  redrive: 'Send dead letters again.',
  editDead: 'Drop and edit dead letters.',
  schedules: 'See the schedule.',
  runSchedule: 'Pause, resume and run its entries.',
  schedule: 'Add, change and remove its entries.',
  control: 'Command workers.',
  shutdown: 'Shut workers down.',
  call: 'Call exposed tasks.',
  callAny: 'Call any task by its name.',
  audit: 'Read the audit log.',
}

/** The documents of who asks, and of known tasks. */
export const LIVE_SCHEMAS: JsonSchema = {
  Me: object(
    {
      id: TEXT,
      role: { enum: ['viewer', 'operator', 'admin', null] },
      open: { ...FLAG, description: 'Every client is an admin.' },
      readOnly: FLAG,
      name: { ...TEXT, description: 'Of the app.' },
      version: { ...TEXT, description: 'Of celeriac.' },
      broker: { ...TEXT, description: 'URL without a password.' },
      backend: TEXT,
      recorder: { enum: ['recording', 'stopped', 'unavailable', 'off'] },
      can: object(
        Object.fromEntries(Object.entries(ABILITIES).map(([name, description]) => [name, { ...FLAG, description }])),
      ),
    },
    'id',
  ),
  KnownTask: object(
    {
      name: TEXT,
      exposed: { const: true, description: 'It is in this document.' },
      recorded: { const: true, description: 'Jobs of it were recorded.' },
      workers: { ...TEXTS, description: 'Names of the workers that have it.' },
    },
    ...['exposed', 'recorded'],
  ),
}

/** The paths of who asks, of known tasks, and of what changes. */
export function livePaths(base: string, answers: Answers): JsonSchema {
  return {
    [`${base}/me`]: { get: getMe(answers) },
    [`${base}/tasks`]: { get: getTasks(answers) },
    [`${base}/live`]: { get: getLive(answers) },
  }
}

function getMe(answers: Answers): JsonSchema {
  return {
    operationId: 'getMe',
    tags: ['fleet'],
    summary: 'Who asks, and what it may do',
    responses: {
      200: answers.ok('It.', { content: json(ref('schemas', 'Me')) }),
      ...answers.problems(false, 'invalid-query'),
    },
  }
}

function getTasks(answers: Answers): JsonSchema {
  return {
    operationId: 'getKnownTasks',
    tags: ['fleet'],
    summary: 'The tasks that are known',
    description: 'Those that are exposed; for viewers also those that workers have, and those that were recorded.',
    responses: {
      200: answers.ok('All of them, by name.', { content: json(object({ tasks: arrayOf('KnownTask') })) }),
      ...answers.problems(false, 'invalid-query'),
    },
  }
}

const STATS_SERIES = { type: 'array', items: object({ name: TEXT, points: arrayOf('StatsPoint') }) }
/** The data of each message, by its name. */
const MESSAGES: JsonSchema = {
  open: { type: 'object', description: 'The stream has begun: what is asked for from now on leaves no gap.' },
  jobs: object({ jobs: arrayOf('RecordedJob'), more: { ...COUNT, description: 'Others that have changed.' } }),
  stats: object({ step: { const: '1s' }, series: STATS_SERIES }),
  queues: object({ changed: arrayOf('Queue'), gone: TEXTS, delayed: COUNT, held: COUNT }, 'delayed', 'held'),
  workers: object({ changed: arrayOf('Worker'), gone: TEXTS }),
  failures: object({ changed: arrayOf('Failure') }),
  reset: object({ after: COUNT, before: COUNT }),
  problem: object({ watch: SUBJECT, detail: TEXT }),
}

function getLive(answers: Answers): JsonSchema {
  const number = { type: 'integer', minimum: 0 }
  return {
    operationId: 'getLiveChanges',
    tags: ['fleet'],
    summary: 'What changes, as server-sent events',
    description:
      'Goes on until the client leaves. Each message has what has changed since the last one of its name. Queues and workers need the scope viewer; own jobs alone without it.',
    parameters: [
      {
        ...{ name: 'watch', in: 'query', required: true, explode: false, style: 'form' },
        schema: { type: 'array', items: SUBJECT, minItems: 1 },
        description: 'What is watched.',
      },
      ...parametersOf({
        task: [WORDS, 'Only jobs, failures, and series by task, of these tasks.'],
        queue: [WORDS, 'Only jobs, and series by queue, of these queues.'],
        worker: [WORDS, 'Only jobs whose last event is of one of these workers.'],
        owner: [TEXT, 'Only those of this client.'],
        tag: [TEXT, 'Only jobs with this tag.'],
        root: [TEXT, 'Only jobs of this workflow.'],
        fingerprint: [TEXT, 'Only jobs that failed so.'],
        q: [{ type: 'string', minLength: 1, maxLength: 200 }, 'Only jobs and failures with each of these words.'],
        id: [TEXT, 'Only this job.'],
        by: [{ enum: ['all', 'task', 'queue'] }, 'What a series is of. Default: all; without the scope viewer: task.'],
        limit: [{ type: 'integer', minimum: 1, maximum: 200, default: 200 }, 'Jobs of one message at most.'],
        last_event_id: [number, 'Changes of jobs after this number. Default: from now on.'],
      }),
      { name: 'Last-Event-ID', in: 'header', schema: number, description: 'Before the query.' },
    ],
    responses: {
      200: answers.ok('A stream of messages named as what is watched, and `open`, `reset` and `problem`.', {
        content: { 'text/event-stream': { schema: TEXT, 'x-events': MESSAGES } },
        headers: { 'X-Accel-Buffering': ref('headers', 'AccelBuffering') },
      }),
      ...answers.problems(false, 'invalid-query', 'invalid-event-id', 'forbidden', 'cannot-list'),
    },
  }
}
