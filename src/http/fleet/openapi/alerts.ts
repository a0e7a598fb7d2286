import type { JsonSchema } from '../../../std/jsonSchema.ts'
import { type Answers, json, ref } from '../../openapi/answers.ts'
import { object } from './recorded.ts'

const TEXT = { type: 'string' }
const MOMENT = { type: 'string', format: 'date-time' }
const READING = { subject: TEXT, value: { type: 'number', description: 'A share, or ms.' }, text: TEXT }

/** What the rules of the alerts find. */
export const ALERT_SCHEMAS: JsonSchema = {
  AlertRule: object(
    {
      rule: TEXT,
      on: { ...TEXT, examples: ['worker-lost'] },
      readings: { type: 'array', items: object(READING), description: 'What it finds now.' },
      alerts: {
        type: 'array',
        items: object(
          { ...READING, status: { enum: ['pending', 'firing', 'recovering'] }, startedAt: MOMENT, firedAt: MOMENT },
          'firedAt',
        ),
      },
      problem: { ...TEXT, description: 'Why it cannot be looked at.' },
    },
    'problem',
  ),
}

/** The path of the alerts. */
export function alertPaths(base: string, answers: Answers): JsonSchema {
  return { [`${base}/alerts`]: { get: getAlerts(answers) } }
}

function getAlerts(answers: Answers): JsonSchema {
  return {
    operationId: 'getAlerts',
    tags: ['fleet'],
    summary: 'What each rule of the alerts finds now, and its alerts',
    description: 'Needs the scope viewer.',
    responses: {
      200: answers.ok('The rules; none where nothing is watched.', {
        content: json(object({ rules: { type: 'array', items: ref('schemas', 'AlertRule') } })),
      }),
      ...answers.problems(false, 'invalid-query', 'forbidden', 'cannot-list'),
    },
  }
}
