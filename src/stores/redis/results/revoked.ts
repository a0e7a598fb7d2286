import { MAX_REVOKED, staleAfter } from '../../../backend/retention.ts'
import type { RevokedIds } from '../../../backend/revokedIds.ts'
import { pieces } from '../../../std/chunks.ts'
import type { Clock } from '../../../std/clock.ts'
import type { RedisConnection, Script } from '../connection/connection.ts'

const MAX_KEYS_PER_COMMAND = 1000
/** Beyond any moment: for an id that never expires. */
const NEVER_SCORE = '+inf'

/** ARGV: the moment until which ids expire, ms since the epoch, and how many at most. */
const DROP_REVOKED: Script = {
  name: 'drop revoked',
  source: `
local ids = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, ARGV[2])
if #ids > 0 then redis.call('ZREM', KEYS[1], unpack(ids)) end
return #ids
`,
}

/** Revoked ids in a sorted set, by the moment at which each expires. */
export class RedisRevoked implements RevokedIds {
  readonly #connection: RedisConnection
  readonly #key: string
  readonly #expires: number
  readonly #clock: Clock

  /** `expires` is how long a final record is kept, ms, 0 for ever. */
  constructor(connection: RedisConnection, key: string, expires: number, clock: Clock) {
    this.#connection = connection
    this.#key = key
    this.#expires = expires
    this.#clock = clock
  }

  async add(ids: readonly string[], due?: number): Promise<void> {
    const stale = staleAfter(this.#expires)
    const expiry = stale === 0 ? NEVER_SCORE : Math.max(this.#clock.now(), due ?? 0) + stale
    const calls = pieces(ids, MAX_KEYS_PER_COMMAND).map((some) =>
      this.#connection.command('ZADD', this.#key, ...some.flatMap((id) => [expiry, id])),
    )
    await Promise.all([...calls, this.#drop()])
  }

  async all(): Promise<readonly string[]> {
    while ((await this.#drop()) === MAX_KEYS_PER_COMMAND);
    const ids = await this.#connection.command('ZREVRANGE', this.#key, 0, MAX_REVOKED - 1)
    return (ids as string[]).reverse()
  }

  /** Drop expired ids, at most 1000. Resolves with how many. */
  async #drop(): Promise<number> {
    const args = [this.#clock.now(), MAX_KEYS_PER_COMMAND]
    return (await this.#connection.script(DROP_REVOKED, [this.#key], args)) as number
  }
}
