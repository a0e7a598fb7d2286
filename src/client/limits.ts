import type { LimitPage } from '../protocol/limitDocument.ts'
import type { Ask, Transport } from './transport.ts'

/** What is paused: a queue; a task, or one key of it; a shared limit. */
export type PauseTarget =
  | { readonly queue: string }
  | { readonly task: string; readonly key?: string | undefined }
  | { readonly limit: string }

/** Which limits are listed. */
export interface LimitOptions {
  /** Of this rule alone, as `task:mail.send`. */
  rule?: string | undefined
  /** Those that are paused alone. */
  paused?: boolean | undefined
  /** At most so many. Default 50, at most 1000. */
  limit?: number | undefined
  /** Of the page before. */
  cursor?: string | undefined
  /** Ends the request with its reason. */
  signal?: AbortSignal | undefined
}

/** A page of limits. */
export async function listLimits(transport: Transport, options: LimitOptions = {}): Promise<LimitPage> {
  const { signal, paused, ...rest } = options
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries({ ...rest, paused: paused ? 1 : undefined }))
    if (value !== undefined) query.set(name, String(value))
  const ask: Ask = signal ? { signal } : {}
  return (await transport.ask(`/limits${query.size > 0 ? `?${query}` : ''}`, ask)).json() as Promise<LimitPage>
}

/** Begin and end a pause: both may be repeated. Throws TypeError for what names nothing. */
export async function changePause(transport: Transport, method: 'PUT' | 'DELETE', target: PauseTarget): Promise<void> {
  await transport.ask(pathOf(target), { method })
}

function pathOf(target: PauseTarget): string {
  if ('queue' in target) return `/pauses/queue/${encodeURIComponent(target.queue)}`
  if ('limit' in target) return `/pauses/limit/${encodeURIComponent(target.limit)}`
  if (!('task' in target)) throw new TypeError('expected { queue }, { task } or { limit }')
  const { task, key } = target
  return `/pauses/task/${encodeURIComponent(task)}${key === undefined ? '' : `?key=${encodeURIComponent(key)}`}`
}
