import type { Envelope } from './envelope.ts'

/** Fanout exchange of remote control (celery-wire §5.2). */
export const CONTROL_EXCHANGE = 'celery.pidbox'

/** How a worker hears of all that is sent there. */
export const CONTROL_BINDING = { exchange: CONTROL_EXCHANGE, kind: 'fanout' } as const

/** Queue of one worker's remote control. `instance` keeps two workers of one name apart: each must hear every command. */
export function controlQueue(hostname: string, instance: string): string {
  return `${hostname}.${instance}.celery.pidbox`
}

/** A command to every worker: to end or never begin a task. */
export interface RevokeCommand {
  readonly method: 'revoke'
  readonly ids: readonly string[]
  readonly terminate: boolean
}

/** The broadcast that revokes a task, in Celery's pidbox format. */
export function revokeRequest(
  id: string,
  terminate: boolean,
): { envelope: Envelope; route: { exchange: string; routingKey: string } } {
  const body = {
    method: 'revoke',
    arguments: { task_id: id, terminate, signal: 'SIGTERM' },
    destination: null,
    pattern: null,
    matcher: null,
  }
  return {
    envelope: {
      headers: {},
      properties: { contentType: 'application/json', contentEncoding: 'utf-8', deliveryMode: 1 },
      body: JSON.stringify(body),
    },
    route: { exchange: CONTROL_EXCHANGE, routingKey: '' },
  }
}

/** The command in a decoded control body; undefined for one that this version does not know, or that is for others. */
export function readCommand(body: unknown, hostname: string): RevokeCommand | undefined {
  const {
    method,
    arguments: given,
    destination,
  } = (body ?? {}) as { method?: unknown; arguments?: Record<string, unknown>; destination?: unknown }
  if (Array.isArray(destination) && !destination.includes(hostname)) return undefined
  if (method !== 'revoke' || typeof given !== 'object' || given === null) return undefined
  const ids = Array.isArray(given.task_id) ? given.task_id : [given.task_id]
  return { method, ids: ids.filter((id) => typeof id === 'string'), terminate: given.terminate === true }
}
