import { z } from 'zod'
import { app } from '../celeriac.ts'
import { database } from '../models/database.ts'
import { updateNumbers } from '../models/numbers.ts'
import { storeRequest } from '../models/requests.ts'
import { NumberRequestInput, NumberUpdateInput } from './input.ts'

/*
 * Event tasks: what the server hands over when somebody asks for it. They answer in words, as the client is told.
 */

const OK = 'OK'
const ERROR = 'Error during DB transaction : Please Check the request'

/** A database that is away comes back. */
const RETRY = { max: 8, delay: '1s', maxDelay: '1m' } as const

/** Stores a request and its numbers. */
export const handleNumberRequests = app.task({
  name: 'handle_number_requests',
  description: 'Stores a request and its numbers',
  input: NumberRequestInput,
  output: z.string(),
  retry: RETRY,
  run: async (request, ctx) => ((await storeRequest(await database(), request, ctx.id)) ? OK : ERROR),
})

/** Stores what has become of numbers. */
export const updateNumberRequests = app.task({
  name: 'update_number_requests',
  description: 'Stores what has become of numbers',
  input: NumberUpdateInput,
  output: z.string(),
  retry: RETRY,
  run: async (update) => ((await updateNumbers(await database(), update)) ? OK : ERROR),
})
