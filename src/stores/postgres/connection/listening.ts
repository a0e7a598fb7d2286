import { createHash } from 'node:crypto'

/**
 * Called with the payload of each notification, in order; undefined: some may have been missed, as after a
 * reconnection, or in place of them where nothing can be listened to (at intervals).
 */
export type NotificationListener = (payload: string | undefined) => void

/** What this process listens to, on one connection of its own. */
export interface Listening {
  /** Resolves when nothing is missed any more. Returns what ends it. Rejects with StoreUnavailableError. */
  on(channel: string, listener: NotificationListener): Promise<() => void>
}

/**
 * Channels of a schema: `celeriac.results` has the ids of changed records, as a JSON list; `celeriac.schedules` the
 * name of an app; the other ones belong to the broker.
 */
export function channelOf(schema: string, topic: string): string {
  return `${schema}.${topic}`
}

/**
 * The channel of a queue; its name has 53 bytes at most. The payload is empty: messages may be taken now; `d`: a
 * delayed one was added; `b`: both; `l`: messages may be taken now, also of lanes; `a`: all of these.
 */
export function queueChannel(schema: string, queue: string): string {
  return channelOf(schema, `queue.${createHash('sha256').update(queue).digest('hex').slice(0, 16)}`)
}

/** SQL: the same, for a statement of ours; `queue` is an expression. */
export function queueChannelSql(queue: string): string {
  return `('celeriac.queue.' || left(encode(sha256(convert_to(${queue}, 'UTF8')), 'hex'), 16))`
}
