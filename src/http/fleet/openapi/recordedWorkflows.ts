import type { JsonSchema } from '../../../std/jsonSchema.ts'
import { type Answers, json, ref } from '../../openapi/answers.ts'
import { object, parametersOf } from './recorded.ts'

const TEXT = { type: 'string' }
const MOMENT = { type: 'string', format: 'date-time' }
const COUNT = { type: 'integer', minimum: 0 }

/** The document of a workflow that was recorded. */
export const RECORDED_WORKFLOW_SCHEMAS: JsonSchema = {
  RecordedWorkflow: object(
    {
      root: { ...TEXT, description: 'Id of the job that the others name.' },
      task: { type: ['string', 'null'], description: 'Of that job; null where it was not recorded.' },
      state: { type: ['string', 'null'] },
      total: { ...COUNT, description: 'Jobs, with the root.' },
      states: { type: 'object', additionalProperties: COUNT, description: 'How many are in each state.' },
      firstAt: MOMENT,
      changedAt: MOMENT,
      endedAt: { ...MOMENT, description: 'Absent while a job has not ended.' },
      isPartial: { const: true, description: 'States and times are of its newest jobs alone.' },
    },
    ...['endedAt', 'isPartial'],
  ),
}

/** The operation on the path that workflows are submitted to. */
export function listWorkflows(answers: Answers): JsonSchema {
  const words = { ...TEXT, description: 'Several with commas between them.' }
  return {
    operationId: 'listWorkflows',
    tags: ['fleet'],
    summary: 'Workflows that were recorded',
    description: 'Those with the newest job first. Those of own jobs alone without the scope viewer.',
    parameters: parametersOf({
      task: [words, 'Only those whose root is of one of these tasks.'],
      owner: [TEXT, 'Only those whose root is of this client.'],
      since: [TEXT, 'Only those whose newest job was first seen since: a time, or a date.'],
      until: [TEXT, 'Only those whose newest job was first seen before.'],
      limit: [{ type: 'integer', minimum: 1, maximum: 100, default: 20 }, 'How many at most.'],
      cursor: [TEXT, 'From the page before.'],
    }),
    responses: {
      200: answers.ok('A page of them.', {
        content: json(
          object({ workflows: { type: 'array', items: ref('schemas', 'RecordedWorkflow') }, cursor: TEXT }, 'cursor'),
        ),
        headers: { Link: ref('headers', 'NextLink') },
      }),
      ...answers.problems(false, 'invalid-query', 'forbidden', 'cannot-list'),
    },
  }
}
