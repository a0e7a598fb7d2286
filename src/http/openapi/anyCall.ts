import type { JsonSchema } from '../../std/jsonSchema.ts'
import { type Answers, json, ref, SUBMIT_PROBLEMS } from './answers.ts'
import { CALL_PARAMETERS } from './callParameters.ts'
import { ACCEPTED_HEADERS, webhookMark } from './jobs.ts'
import { linksFromBody } from './links.ts'

const WORD = { type: 'string', minLength: 1, maxLength: 255 }

/** The path of the tasks that are not in this document. */
export function anyCallPath(base: string, answers: Answers, webhooks: boolean): JsonSchema {
  const callAnyTask = {
    operationId: 'callAnyTask',
    tags: ['fleet'],
    summary: 'Call any task by its name',
    description: 'Also one whose code lives elsewhere. Needs the scope admin, and is in the audit log.',
    parameters: [
      ...['Prefer', 'IdempotencyKey', 'Tag', ...(webhooks ? ['Webhook'] : [])].map((name) => ref('parameters', name)),
      ...CALL_PARAMETERS,
    ],
    requestBody: {
      description: 'A list of arguments, an object of keyword arguments, or, with `call=true`, both.',
      required: false,
      content: json({ oneOf: [{ type: 'array' }, { type: 'object' }] }),
    },
    responses: {
      200: answers.ok('It has ended within the time that `Prefer: wait` gave it.', {
        content: json(ref('schemas', 'Job')),
        headers: webhookMark(webhooks),
      }),
      202: answers.ok('Submitted: follow the job at Location.', {
        content: json(ref('schemas', 'Job')),
        headers: { ...ACCEPTED_HEADERS, ...webhookMark(webhooks) },
        links: linksFromBody('getJob', 'getResult', 'getEvents', 'cancelJob'),
      }),
      ...answers.problems(
        true,
        'malformed-body',
        'invalid-query',
        'invalid-idempotency-key',
        ...(webhooks ? (['invalid-webhook'] as const) : []),
        'unknown-task',
        ...SUBMIT_PROBLEMS,
      ),
    },
  }
  const name = { name: 'name', in: 'path', required: true, schema: WORD }
  return { [`${base}/tasks/{name}`]: { parameters: [name], post: callAnyTask } }
}
