import { Celeriac } from 'celeriac'
import { z } from 'zod'
import { BACKEND, BROKER, LEASE, PUBLIC_URL } from './config.ts'

/** What of the user travels with a call: data, and no more of it than tasks need. */
export const Values = z.object({ user: z.strictObject({ name: z.string(), email: z.string() }) }).partial()

export const app = new Celeriac({
  name: 'reports',
  broker: BROKER,
  backend: BACKEND,
  lease: LEASE,
  context: Values,
  request: { baseUrl: PUBLIC_URL, headers: ['accept-language', 'x-request-id'] },
})
