import { createClient } from '../../client/client.ts'
import { place } from './place.ts'
import { token, tokenRefused } from './token.ts'

/** Sends the token, where the user has given one; an answer 401 asks for another. */
export async function authorizedFetch(input: RequestInfo | URL, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers)
  if (token.value !== undefined) headers.set('authorization', `Bearer ${token.value}`)
  const response = await fetch(input, { ...init, headers })
  if (response.status === 401) tokenRefused()
  return response
}

/** The REST API. Pages ask this alone; a request that failed is shown to the user, so few are repeated. */
export const client = createClient(place.url, { basePath: place.base, fetch: authorizedFetch, retries: 1 })
