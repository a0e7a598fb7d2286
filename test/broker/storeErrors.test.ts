import { describe, expect, it } from 'vitest'
import { type Fault, faultOf, REDIS_REPLIES, redisFault, SQLITE_CODES } from '../../src/broker/storeErrors.ts'
import {
  ArgumentError,
  CeleriacError,
  ConfigError,
  DecodeError,
  EncodeError,
  NotSupportedError,
  PayloadTooLargeError,
  StoreUnavailableError,
} from '../../src/std/errors.ts'
import { errorOf } from '../../src/stores/redis/connection/errors.ts'

/** A reply for each row of Redis, as a server of version 7 says it, and inside a script as older ones do. */
const REPLIES: readonly (readonly [string, Fault])[] = [
  ["OOM command not allowed when used memory > 'maxmemory'.", 'outage'],
  ['MISCONF Redis is configured to save RDB snapshots, but it is currently unable to persist on disk.', 'outage'],
  ["READONLY You can't write against a read only replica. script: 1f, on @user_script:5.", 'outage'],
  ['LOADING Redis is loading the dataset in memory', 'outage'],
  ["MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.", 'outage'],
  ['CLUSTERDOWN The cluster is down', 'outage'],
  ['NOREPLICAS Not enough good replicas to write.', 'outage'],
  ['BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.', 'outage'],
  ['TRYAGAIN Multiple keys request during rehashing of slot', 'outage'],
  ['UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)', 'outage'],
  ['ERR max number of clients reached', 'outage'],
  ['NOAUTH Authentication required.', 'access'],
  ['WRONGPASS invalid username-password pair or user is disabled.', 'access'],
  ["NOPERM this user has no permissions to run the 'eval' command", 'access'],
  ['ERR invalid password', 'access'],
  ['WRONGTYPE Operation against a key holding the wrong kind of value', 'message'],
  ['ERR string exceeds maximum allowed size (proto-max-bulk-len)', 'message'],
  ['ERR Protocol error: invalid bulk length', 'message'],
]

function reply(text: string): Error {
  return Object.assign(new Error(text), { name: 'ReplyError' })
}

describe('the table of store errors', () => {
  it('has an example here for each row of Redis', () => {
    for (const [pattern] of REDIS_REPLIES)
      expect(
        REPLIES.some(([text]) => pattern.test(text)),
        `${pattern}`,
      ).toBe(true)
  })

  it.each(REPLIES)('Redis: %s is %s', (text, fault) => {
    expect(redisFault(text)).toBe(fault)
    // As our own error too, and out of a script of Redis 6.
    expect(faultOf(errorOf(reply(text), 'redis://host'))).toBe(fault)
    if (!text.startsWith('ERR'))
      expect(redisFault(`ERR Error running script (call to f_1f): @user_script:5: @user_script: 5: -${text}`)).toBe(
        fault,
      )
  })

  it('a lost connection is an outage, and a reply in no row is none', () => {
    expect(faultOf(errorOf(Object.assign(new Error('read'), { code: 'ECONNRESET' }), 'redis://host'))).toBe('outage')
    expect(faultOf(errorOf(reply('ERR of tomorrow'), 'redis://host'))).toBeUndefined()
    expect(faultOf(new Error('anything'))).toBeUndefined()
    expect(faultOf('text')).toBeUndefined()
    expect(faultOf(undefined)).toBeUndefined()
  })

  it.each([...SQLITE_CODES].map(([code, [name, fault]]) => [name, code, fault] as const))(
    'SQLite: %s (%i) is %s, and so are its extended codes',
    (_name, code, fault) => {
      expect(faultOf(Object.assign(new Error(), { errcode: code }))).toBe(fault)
      expect(faultOf(Object.assign(new Error(), { errcode: code | (7 << 8) }))).toBe(fault)
      expect(faultOf(new CeleriacError('X', '', { cause: Object.assign(new Error(), { errcode: code }) }))).toBe(fault)
    },
  )

  it('SQLite: an error of the statement itself is in no row', () => {
    expect(faultOf(Object.assign(new Error('no such table'), { errcode: 1 }))).toBeUndefined()
  })

  it.each([
    [new StoreUnavailableError(''), 'outage'],
    [new StoreUnavailableError('', { cause: new TypeError() }), 'outage'],
    [new ConfigError(''), 'access'],
    [new ArgumentError(''), 'message'],
    [new EncodeError(''), 'message'],
    [new PayloadTooLargeError('', 1), 'message'],
    [new DecodeError(''), 'message'],
    [new NotSupportedError(''), 'message'],
    [new TypeError("Field 'priority' is the wrong type"), 'message'],
    [new RangeError('Invalid string length'), 'message'],
  ] as const)('%o is %s', (error, fault) => {
    expect(faultOf(error)).toBe(fault)
  })
})
