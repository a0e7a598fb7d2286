import { LANE_PREFIX } from '../../../broker/lane.ts'
import type { Keys } from '../broker/keys.ts'
import type { RedisConnection } from '../connection/connection.ts'

/** How many lanes of a queue are searched for a message. */
const MAX_SEARCHED_LANES = 10_000
/** How many are read at once. */
const PAGE_SIZE = 50

/** The names of the lanes of a queue that have messages, some at a time. */
export async function* lanesOf(
  connection: RedisConnection,
  keys: Keys,
  queue: string,
): AsyncGenerator<readonly string[]> {
  for (let cursor = '', looked = 0; cursor !== '0' && looked < MAX_SEARCHED_LANES; ) {
    const answer = await connection.command('HSCAN', keys.lanes(queue), cursor || '0', 'COUNT', PAGE_SIZE)
    const [next, fields] = answer as [string, string[]]
    cursor = next
    const digests = fields.filter((_, at) => at % 2 === 0)
    looked += digests.length
    if (digests.length > 0) yield digests.map((digest) => `${LANE_PREFIX}${digest}.${queue}`)
  }
}
