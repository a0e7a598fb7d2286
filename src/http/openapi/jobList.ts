import type { JsonSchema } from '../../std/jsonSchema.ts'
import { RECORDED_LIST, RECORDED_PARAMETERS } from '../fleet/openapi/recorded.ts'
import { type Answers, json, query, ref } from './answers.ts'

/** The list of jobs. `tasks`: names that it may be filtered by. `fleet`: the recorder answers, too. */
export function listJobs(tasks: readonly string[], answers: Answers, fleet: boolean): JsonSchema {
  const task = tasks.length > 0 && !fleet ? { type: 'string', enum: tasks } : { type: 'string' }
  return {
    operationId: 'listJobs',
    tags: ['jobs'],
    summary: 'Jobs, newest first, without their results',
    description:
      'Only jobs that the caller may see; the result of one is at its own path. The pages keep their order while jobs are added.',
    parameters: [
      query('state', { type: 'string', examples: ['SUCCESS'] }, 'Only those in this state.'),
      query('task', task, 'Only those of this task.'),
      query('tag', { type: 'string' }, 'Only those with this tag.'),
      query(
        'q',
        { type: 'string', minLength: 1, maxLength: 200, examples: ['report timeout'] },
        'Only those with each of these words, in upper or lower case, in the id, the name of the task, a tag or the error.',
      ),
      query(
        'since',
        { type: 'string', examples: ['2026-11-01T10:00:00Z'] },
        'Only those submitted since then: a time, or a date.',
      ),
      query(
        'idempotencyKey',
        { type: 'string', maxLength: 255 },
        'The job of each task that was submitted with this `Idempotency-Key` by the same caller, or with this key in code. With `task` alone.',
      ),
      query('limit', { type: 'integer', minimum: 1, maximum: 1000, default: 50 }, 'Most on one page.'),
      query('cursor', { type: 'string' }, 'From the page before.'),
      ...(fleet ? RECORDED_PARAMETERS : []),
    ],
    responses: {
      200: answers.ok('A page; `Link` leads to the next.', {
        content: json(fleet ? { anyOf: [ref('schemas', 'JobList'), RECORDED_LIST] } : ref('schemas', 'JobList')),
        headers: { Link: ref('headers', 'NextLink') },
      }),
      ...answers.problems(false, 'invalid-query', ...(fleet ? (['forbidden'] as const) : []), 'cannot-list'),
    },
  }
}
