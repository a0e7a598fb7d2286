import { createClient } from '../../client/client.ts'
import { place } from '../api/place.ts'
import { type Signal, signal } from '../api/signal.ts'
import type { CallApi } from '../calls/api.ts'

const KEY = 'token'

/** `Authorization` of each request, until the tab is closed; empty: none. */
export const authorization: Signal<string> = signal(sessionStorage.getItem(KEY) ?? '')

export type Scheme = 'basic' | 'bearer'

/** With the credentials of the user. */
async function authorizedFetch(input: RequestInfo | URL, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers)
  if (authorization.value !== '') headers.set('authorization', authorization.value)
  return fetch(input, { ...init, headers })
}

export const api: CallApi = {
  url: place.url,
  base: place.base,
  fetch: authorizedFetch,
  client: createClient(place.url, { basePath: place.base, fetch: authorizedFetch, retries: 1 }),
}

/** Keep what the user gave: a token, or `user:password`. */
export function keep(given: string, scheme: Scheme): void {
  const basic = (): string => `Basic ${btoa(String.fromCharCode(...new TextEncoder().encode(given)))}`
  authorization.value = given === '' ? '' : scheme === 'basic' ? basic() : `Bearer ${given}`
  sessionStorage.setItem(KEY, authorization.value)
}
