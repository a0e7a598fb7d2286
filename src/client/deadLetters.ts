import type {
  DeadLetterContentDocument,
  DeadLetterPageDocument,
  DeathDocument,
  RedrivenDocument,
} from '../protocol/deadLetterDocument.ts'
import { parse, stringify } from './json.ts'
import { queryOf } from './query.ts'
import type { Ask, Transport } from './transport.ts'

/** Which dead letters: those that fit all that is named. */
export interface DeadLetterFilterOptions {
  /** Name of the task. */
  task?: string | undefined
  /** Queue that they came from. */
  queue?: string | undefined
  /** Why they were given up. */
  reason?: DeathDocument['reason'] | undefined
  /** A part of the class or the message of the error. */
  error?: string | undefined
  /** Died since then. */
  since?: Date | undefined
  /** For admins; default for others: they themselves. */
  owner?: string | undefined
  /** Tag of the job. */
  tag?: string | undefined
  /** Words in id, name, tags or error. */
  q?: string | undefined
  /** Ends the request with its reason. */
  signal?: AbortSignal | undefined
}

/** Which are listed. */
export interface DeadLetterListOptions extends DeadLetterFilterOptions {
  /** At most so many. Default 50, at most 1000. */
  limit?: number | undefined
  /** Of the page before. */
  cursor?: string | undefined
}

/** Which are sent again, or dropped: those of one id, those that fit a filter, or all. */
export interface DeadLetterChangeOptions extends DeadLetterFilterOptions {
  /** All that may be seen, where nothing else is named. */
  all?: boolean | undefined
  /** List them, and change nothing. */
  dryRun?: boolean | undefined
  /** At most so many in one request. Default, and at most, 1000. */
  limit?: number | undefined
}

/** How they are sent again. */
export interface RedriveClientOptions extends DeadLetterChangeOptions {
  /** At most so many in a time, as `'300/m'`. */
  rate?: string | undefined
}

/** Messages that workers have given up. Changes are not repeated by themselves; they may be repeated. */
export interface DeadLetterClient {
  /** By page, the newest first. */
  list(options?: DeadLetterListOptions): Promise<DeadLetterPageDocument>
  /** One of them, with its input. */
  get(id: string, options?: { signal?: AbortSignal | undefined }): Promise<DeadLetterContentDocument>
  /** Give one another input. For admins. */
  edit(id: string, input: unknown, options?: { signal?: AbortSignal | undefined }): Promise<DeadLetterContentDocument>
  /** Send one again, or those that fit. */
  redrive(which: string | RedriveClientOptions): Promise<RedrivenDocument>
  /** Drop one, or those that fit. Returns the ids. */
  drop(which: string | DeadLetterChangeOptions): Promise<readonly string[]>
}

/** The dead letters behind a transport. */
export function deadLetterClient(transport: Transport): DeadLetterClient {
  const pathOf = (id: string): string => `/dead/${encodeURIComponent(id)}`
  const ask = async <Answer>(path: string, given: Ask): Promise<Answer> =>
    parse(await (await transport.ask(path, given)).text()) as Answer
  return {
    list: ({ signal, ...options } = {}) => ask(`/dead${queryOf(options)}`, signal ? { signal } : {}),
    get: (id, { signal } = {}) => ask(pathOf(id), signal ? { signal } : {}),
    edit: (id, input, { signal } = {}) => {
      const headers = { 'content-type': 'application/json' }
      const body = stringify({ input })
      return ask(pathOf(id), { method: 'PATCH', headers, body, retries: 0, ...(signal && { signal }) })
    },
    redrive: (which) => {
      if (typeof which === 'string') return ask(`${pathOf(which)}/redrive`, { method: 'POST', retries: 0 })
      const { signal, ...options } = which
      const request = { method: 'POST', retries: 0, ...(signal && { signal }) } as const
      return ask(`/dead/redrive${queryOf(options)}`, request)
    },
    drop: async (which) => {
      if (typeof which === 'string') {
        await transport.ask(pathOf(which), { method: 'DELETE', retries: 0 })
        return [which]
      }
      const { signal, ...options } = which
      const request = { method: 'DELETE', retries: 0, ...(signal && { signal }) } as const
      return (await ask<{ readonly ids: readonly string[] }>(`/dead${queryOf(options)}`, request)).ids
    },
  }
}
