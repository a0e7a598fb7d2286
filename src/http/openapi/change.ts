import type { JsonSchema } from '../../std/jsonSchema.ts'
import { type Answers, json, ref } from './answers.ts'

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
      200: answers.ok('Changed.', { content: json(ref('schemas', 'Job')) }),
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
