import { parse, stringify } from '../json.ts'
import { queryOf } from '../query.ts'
import type { Transport } from '../transport.ts'

/** Of each request. */
export interface FleetRequestOptions {
  /** Ends the request with its reason. */
  signal?: AbortSignal | undefined
}

/** One request; its options but the signal are the query. Changes are not repeated. */
export async function askFleet<Answer>(
  transport: Transport,
  method: 'GET' | 'POST' | 'DELETE',
  path: string,
  { signal, ...options }: FleetRequestOptions = {},
  body?: object,
): Promise<Answer> {
  const response = await transport.ask(path + queryOf(options), {
    method,
    ...(method !== 'GET' && { retries: 0 }),
    ...(body && { body: stringify(body), headers: { 'content-type': 'application/json' } }),
    ...(signal && { signal }),
  })
  const text = await response.text()
  return (text === '' ? undefined : parse(text)) as Answer
}
