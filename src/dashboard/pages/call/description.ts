import { authorizedFetch, client } from '../../api/client.ts'
import { place } from '../../api/place.ts'
import type { CallApi } from '../../calls/api.ts'
import type { OpenApi } from '../../calls/openApi.ts'

/** What tasks are called by. */
export const api: CallApi = { url: place.url, base: place.base, client, fetch: authorizedFetch }

/** The description of the API, which has the schemas of its tasks. */
export async function loadDescription(signal: AbortSignal): Promise<OpenApi> {
  const response = await authorizedFetch(`${place.url}/openapi.json`, { signal })
  if (!response.ok) throw new Error(`openapi.json: HTTP ${response.status}`)
  return (await response.json()) as OpenApi
}
