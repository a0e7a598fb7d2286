import type { JsonSchema } from '../../std/jsonSchema.ts'
import { query } from './answers.ts'

const WORD = { type: 'string', minLength: 1, maxLength: 255 }

/** Options of a call that admins may give. */
export const CALL_PARAMETERS: readonly JsonSchema[] = [
  query('call', { type: 'boolean', default: false }, 'The body is `{ args, kwargs }`, as Celery calls a task.'),
  query('queue', WORD, 'The queue that it goes to.'),
  query('eta', { type: 'string' }, 'Not before then: a time, or a date.'),
  query('countdown', { type: 'number', minimum: 0 }, 'Not before so many seconds from now.'),
  query('priority', { type: 'integer', minimum: 0, maximum: 255 }, 'Its priority.'),
]
