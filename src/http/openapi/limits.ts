import type { JsonSchema } from '../../std/jsonSchema.ts'
import { type Answers, json, query, ref } from './answers.ts'

const COUNT = { type: 'integer', minimum: 0 }

/** The documents of limits. */
export const LIMIT_SCHEMAS: JsonSchema = {
  Limit: {
    type: 'object',
    properties: {
      rule: { type: 'string', examples: ['task:mail.send', 'queue:slow', 'github'] },
      key: { type: 'string', description: 'Empty: it has no keys.' },
      kind: { enum: ['queue', 'task', 'limit'], description: 'What it is of: with the name, the path of its pause.' },
      name: { type: 'string' },
      held: { ...COUNT, description: 'How much of it is held by tasks that workers have taken.' },
      concurrency: { ...COUNT, description: 'How much may be held. Absent: any number.' },
      rate: { type: 'string', examples: ['100/m'] },
      burst: COUNT,
      waiting: { ...COUNT, description: 'Messages that wait and need it; at most 10,000 are counted.' },
      paused: { type: 'boolean' },
      until: { type: 'string', format: 'date-time', description: 'Nothing begins until then.' },
      breaker: { enum: ['closed', 'open', 'half-open'] },
    },
    required: ['rule', 'key', 'kind', 'name', 'held', 'waiting', 'paused'],
    additionalProperties: false,
  },
}

/** The paths of limits and pauses. */
export function limitPaths(base: string, answers: Answers): JsonSchema {
  const parameters = [
    { name: 'kind', in: 'path', required: true, schema: { enum: ['queue', 'task', 'limit'] } },
    { name: 'name', in: 'path', required: true, schema: { type: 'string', minLength: 1, maxLength: 255 } },
    query('key', { type: 'string', minLength: 1, maxLength: 255 }, 'Of a task: this key of its limits alone.'),
  ]
  return {
    [`${base}/limits`]: { get: getLimits(answers) },
    [`${base}/pauses/{kind}/{name}`]: {
      parameters,
      put: changePause('pause', 'Begin nothing more of it, on all workers, until it is resumed', answers),
      delete: changePause('resume', 'End its pause', answers),
    },
  }
}

function getLimits(answers: Answers): JsonSchema {
  const parameters = {
    rule: [{ type: 'string' }, 'Only those of this rule, as `task:mail.send`.'],
    paused: [{ type: 'boolean', default: false }, 'Only those that are paused.'],
    limit: [{ type: 'integer', minimum: 1, maximum: 1000, default: 50 }, 'How many at most.'],
    cursor: [{ type: 'string' }, 'From the page before.'],
  } as const
  const properties = {
    limits: { type: 'array', items: ref('schemas', 'Limit') },
    cursor: { type: 'string', description: 'There may be more.' },
  }
  return {
    operationId: 'getLimits',
    tags: ['limits'],
    summary: 'Limits that are in use, paused or held back',
    description: 'Only for viewers and above. By rule and key.',
    parameters: Object.entries(parameters).map(([name, [schema, description]]) => query(name, schema, description)),
    responses: {
      200: answers.ok('A page of them.', {
        content: json({ type: 'object', properties, required: ['limits'] }),
        headers: { Link: ref('headers', 'NextLink') },
      }),
      ...answers.problems(false, 'invalid-query', 'forbidden', 'cannot-limit'),
    },
  }
}

function changePause(operationId: string, summary: string, answers: Answers): JsonSchema {
  return {
    operationId,
    tags: ['limits'],
    summary,
    description: 'Only for operators and admins. What is so already is no error; what runs goes on.',
    responses: {
      204: answers.ok('Done.'),
      ...answers.problems(true, 'invalid-query', 'forbidden', 'not-found', 'cannot-limit'),
    },
  }
}
