import { ArgumentError, ConfigError, DecodeError, NotSupportedError, StoreUnavailableError } from '../std/errors.ts'
import { asError } from '../std/thrown.ts'

/*
 * The one table of a store's possible answers, sorted by what has to be done about them. Brokers and backends make
 * their errors by it, and for a message that the store does not take the worker decides by it how the message ends.
 * After an error in no row the operation is repeated a few times; then the error counts as `message`.
 */

/**
 * `outage`: no client can use the store, or none can write; it passes, so wait and repeat: nothing is lost. `access`:
 * an operator has to correct permissions or configuration; where it concerns this message alone (a queue that this user
 * may not write), it counts as `message`. `message`: this message, and it alone, is never taken.
 */
export type Fault = 'outage' | 'access' | 'message'

/** Replies of Redis: by the code at the beginning or after the name of the script's line, or by the text. */
export const REDIS_REPLIES: readonly (readonly [reply: Pick<RegExp, 'test'>, fault: Fault, meaning: string])[] = [
  [code('OOM'), 'outage', 'maxmemory is reached'],
  [code('MISCONF'), 'outage', 'the disk takes no snapshot: writes are refused'],
  [code('READONLY'), 'outage', 'a replica, as during a failover'],
  [code('LOADING'), 'outage', 'the data set is being read'],
  [code('MASTERDOWN'), 'outage', 'a replica without its master'],
  [code('CLUSTERDOWN'), 'outage', 'slots are not served'],
  [code('NOREPLICAS'), 'outage', 'fewer replicas than min-replicas-to-write'],
  [code('BUSY'), 'outage', 'a script runs for too long'],
  [code('TRYAGAIN'), 'outage', 'slots are on the move'],
  [code('UNBLOCKED'), 'outage', 'a failover ended a blocking command'],
  [/^ERR max number/, 'outage', 'the limit of clients is reached'],
  [code('NOAUTH'), 'access', 'no password was given'],
  [code('WRONGPASS'), 'access', 'user or password is wrong'],
  [code('NOPERM'), 'access', 'the user may not do this with this key or channel'],
  [/^ERR (?:invalid password|DB index|AUTH |Client sent AUTH)/, 'access', 'password or database is wrong'],
  [code('WRONGTYPE'), 'message', 'the key holds another kind of value'],
  [/string exceeds maximum allowed size/, 'message', 'a value is longer than 512 MB'],
  [/Protocol error: invalid (?:multi)?bulk length/i, 'message', 'an argument is longer than the server takes'],
]

/** Primary result codes of SQLite: https://sqlite.org/rescode.html */
export const SQLITE_CODES: ReadonlyMap<number, readonly [name: string, fault: Fault]> = new Map([
  [5, ['BUSY', 'outage']],
  [6, ['LOCKED', 'outage']],
  [7, ['NOMEM', 'outage']],
  [8, ['READONLY', 'outage']],
  [10, ['IOERR', 'outage']],
  [11, ['CORRUPT', 'outage']],
  [13, ['FULL', 'outage']],
  [14, ['CANTOPEN', 'outage']],
  // The lock was not available for ten seconds.
  [15, ['PROTOCOL', 'outage']],
  [26, ['NOTADB', 'outage']],
  [3, ['PERM', 'access']],
  [23, ['AUTH', 'access']],
  [18, ['TOOBIG', 'message']],
  [19, ['CONSTRAINT', 'message']],
  [20, ['MISMATCH', 'message']],
  [25, ['RANGE', 'message']],
])

/** What our own code and the client libraries throw; the first match counts. */
const ERROR_CLASSES: readonly (readonly [kind: abstract new (...given: never[]) => Error, fault: Fault])[] = [
  [StoreUnavailableError, 'outage'],
  [ConfigError, 'access'],
  [ArgumentError, 'message'],
  [DecodeError, 'message'],
  [NotSupportedError, 'message'],
  // What a client library cannot write: a property of the wrong type, a number out of range, a text that is too long.
  [TypeError, 'message'],
  [RangeError, 'message'],
]

/** A code is at the beginning, or after the name of the script's line. */
function code(name: string): Pick<RegExp, 'test'> {
  return { test: (reply) => reply.split(/\s/).some((word, at) => word === name || (at > 0 && word === `-${name}`)) }
}

/** The fault that a reply of Redis means; undefined for a reply in no row. */
export function redisFault(reply: string): Fault | undefined {
  return REDIS_REPLIES.find(([pattern]) => pattern.test(reply))?.[1]
}

/** The fault that an error of `node:sqlite` means; undefined for an error in no row, or of no statement. */
export function sqliteFault(error: unknown): Fault | undefined {
  const primary = sqliteCode(error)
  return primary === undefined ? undefined : SQLITE_CODES.get(primary)?.[1]
}

/** The primary result code of an error of `node:sqlite`. */
export function sqliteCode(error: unknown): number | undefined {
  const full = (error as { errcode?: unknown } | null | undefined)?.errcode
  return typeof full === 'number' ? full & 0xff : undefined
}

/** The fault of any error that a store threw; undefined for an error in no row. Never throws. */
export function faultOf(thrown: unknown): Fault | undefined {
  const error = asError(thrown)
  const known = ERROR_CLASSES.find(([kind]) => error instanceof kind)
  if (known) return known[1]
  // One of our own errors may wrap an answer of the store.
  const raw = error.cause instanceof Error ? error.cause : error
  return sqliteFault(raw) ?? (raw.name === 'ReplyError' ? redisFault(raw.message) : undefined)
}
