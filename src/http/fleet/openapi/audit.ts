import type { JsonSchema } from '../../../std/jsonSchema.ts'
import { type Answers, query, ref } from '../../openapi/answers.ts'

const TEXT = { type: 'string' }
const MOMENT = { type: 'string', format: 'date-time' }
const WORD = { type: 'string', minLength: 1, maxLength: 255 }

/** The documents of the audit log. */
export const AUDIT_SCHEMAS: JsonSchema = {
  AuditEntry: {
    type: 'object',
    properties: {
      at: MOMENT,
      who: { ...TEXT, description: 'Id of the identity; `-`: none.' },
      address: TEXT,
      action: { ...TEXT, examples: ['queue.purge'] },
      target: { ...TEXT, examples: ['queue mail'] },
      status: { type: 'integer', description: 'Of the answer.' },
      details: { type: 'object' },
    },
    required: ['at', 'who', 'action', 'target', 'status'],
    additionalProperties: false,
  },
}

/** Its path. */
export function auditPaths(base: string, answers: Answers): JsonSchema {
  const parameters = {
    who: [WORD, 'Only those of this identity.'],
    action: [WORD, 'Only this action.'],
    since: [MOMENT, 'At this moment or later.'],
    until: [MOMENT, 'Before this moment.'],
    limit: [{ type: 'integer', minimum: 1, maximum: 1000 }, 'How many at most. Default 50; of a file: all.'],
    cursor: [TEXT, 'From the page before.'],
  } as const
  const properties = {
    entries: { type: 'array', items: ref('schemas', 'AuditEntry') },
    cursor: { ...TEXT, description: 'There are more.' },
  }
  const page = { type: 'object', properties, required: ['entries'] }
  return {
    [`${base}/audit`]: {
      get: {
        operationId: 'getAudit',
        tags: ['fleet'],
        summary: 'Who changed what, or was refused',
        description: 'The newest first; as CSV or lines of JSON all that fit. For admins.',
        parameters: Object.entries(parameters).map(([name, [schema, description]]) => query(name, schema, description)),
        responses: {
          200: answers.ok('A page of them, or a file.', {
            content: {
              'application/json': { schema: page },
              'text/csv': { schema: TEXT },
              'application/x-ndjson': { schema: TEXT },
            },
            headers: { Link: ref('headers', 'NextLink'), 'Content-Disposition': { schema: TEXT } },
          }),
          ...answers.problems(false, 'invalid-query', 'forbidden', 'not-recorded'),
        },
      },
    },
  }
}
