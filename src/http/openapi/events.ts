import type { JsonSchema } from '../../std/jsonSchema.ts'
import { ref } from './answers.ts'

const text = { type: 'string' }
const attempt = {
  type: 'integer',
  minimum: 1,
  description: '1 at the first run, 1 more after each retry and each run that was lost with its worker.',
}

function object(properties: JsonSchema, ...required: readonly string[]): JsonSchema {
  return { type: 'object', properties, required: required.length > 0 ? required : Object.keys(properties) }
}

/** What the data of each event of a stream is, as JSON: OpenAPI 3.1 has no word for it. */
const EVENTS: JsonSchema = {
  state: object({ state: text, attempt, progress: {}, error: ref('schemas', 'JobError') }, 'state', 'attempt'),
  progress: { description: 'What the task reported.' },
  chunk: object({ attempt, data: { description: 'A part of its output that the task emitted.' } }),
  log: object({
    attempt,
    level: { enum: ['debug', 'info', 'warn', 'error'] },
    time: { type: 'string', format: 'date-time' },
    message: text,
    fields: { type: 'object' },
  }),
  result: { description: 'The result; the end.' },
  'result-omitted': {
    description: 'The end, where the result is too large: fetch it.',
    type: 'object',
    maxProperties: 0,
  },
  error: object({ state: { enum: ['FAILURE', 'REVOKED'] }, type: text, message: text }),
  reset: { description: 'Events are missing here; without an id.', type: 'object', maxProperties: 0 },
}

/** The content of a stream of events. */
export const EVENT_STREAM: JsonSchema = { 'text/event-stream': { schema: text, 'x-events': EVENTS } }
