import {
  ArgumentError,
  ConfigError,
  DecodeError,
  NotSupportedError,
  PayloadError,
  StoreUnavailableError,
} from '../std/errors.ts'
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

/**
 * Codes of PostgreSQL, by their class or whole: https://www.postgresql.org/docs/current/errcodes-appendix.html. The
 * first that the code begins with counts.
 */
export const POSTGRES_CODES: readonly (readonly [code: string, fault: Fault, meaning: string])[] = [
  ['08', 'outage', 'the connection failed'],
  ['25006', 'outage', 'a replica, as during a failover'],
  ['28', 'access', 'user or password is wrong'],
  ['3D000', 'access', 'there is no such database'],
  ['3F000', 'access', 'there is no such schema'],
  ['40', 'outage', 'a conflict with another transaction, several times'],
  ['42501', 'access', 'the role may not do this'],
  ['42P01', 'access', 'a table is missing'],
  ['42703', 'access', 'a column is missing'],
  ['42883', 'access', 'a function is missing'],
  ['53', 'outage', 'disk, memory or connections are used up'],
  ['55P03', 'outage', 'a lock is held for too long'],
  ['55006', 'outage', 'an object is in use'],
  ['57', 'outage', 'the server starts, stops, or has cancelled the statement'],
  ['58', 'outage', 'an error of the system'],
  ['XX', 'outage', 'an internal error'],
  ['22', 'message', 'a value that cannot be kept, as a text with a zero character'],
  ['23', 'message', 'a value against a rule of the tables'],
  ['54', 'message', 'a value longer than the server takes'],
]

/** What our own code and the client libraries throw; the first match counts. */
const ERROR_CLASSES: readonly (readonly [kind: abstract new (...given: never[]) => Error, fault: Fault])[] = [
  [StoreUnavailableError, 'outage'],
  [ConfigError, 'access'],
  [ArgumentError, 'message'],
  [DecodeError, 'message'],
  [NotSupportedError, 'message'],
  [PayloadError, 'message'],
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

/** The fault that an error of PostgreSQL means; undefined for an error in no row, or of no statement. */
export function postgresFault(error: unknown): Fault | undefined {
  const { code, severity } = (error ?? {}) as { code?: unknown; severity?: unknown }
  if (typeof code !== 'string' || typeof severity !== 'string') return undefined
  return POSTGRES_CODES.find(([begin]) => code.startsWith(begin))?.[1]
}

/** What PostgreSQL refuses to a role it refuses for every message: the tables are those of all. Never throws. */
export function isRefusedToAll(thrown: unknown): boolean {
  return postgresFault(rawOf(asError(thrown))) === 'access'
}

/** The fault of any error that a store threw; undefined for an error in no row. Never throws. */
export function faultOf(thrown: unknown): Fault | undefined {
  const error = asError(thrown)
  const known = ERROR_CLASSES.find(([kind]) => error instanceof kind)
  if (known) return known[1]
  const raw = rawOf(error)
  return sqliteFault(raw) ?? postgresFault(raw) ?? (raw.name === 'ReplyError' ? redisFault(raw.message) : undefined)
}

/** One of our own errors may wrap an answer of the store. */
function rawOf(error: Error): Error {
  return error.cause instanceof Error ? error.cause : error
}
