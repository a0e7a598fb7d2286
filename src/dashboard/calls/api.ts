import type { Client } from '../../client/client.ts'

/** The API that tasks are called by. */
export interface CallApi {
  /** Where it is mounted, and the path of its resources below. */
  readonly url: string
  readonly base: string
  readonly client: Client<unknown>
  /** With the credentials of the user. */
  readonly fetch: typeof fetch
}
