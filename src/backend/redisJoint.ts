import type { Delivery } from '../broker/broker.ts'
import { Batch } from '../broker/redis/batch.ts'
import type { RedisBroker } from '../broker/redis/broker.ts'
import type { Arg, Script } from '../broker/redis/connection.ts'
import { type Hold, RedisDelivery } from '../broker/redis/held.ts'
import { SETTLING } from '../broker/redis/scripts.ts'
import type { Handout } from './history.ts'
import type { Joint, Settlement, Submission } from './joint.ts'
import type { RedisIndex } from './redisIndex.ts'
import type { RedisNotes } from './redisNotes.ts'
import { STORE_LUA } from './redisStore.ts'
import { messageArgs, type Recorder, RedisSubmitter, recordArgs, SEND_LUA } from './redisSubmit.ts'

/**
 * ARGV[3] is how many, then their tags; then for each `ack` or `requeue`, its record as for SUBMIT; where `+` follows that word, the numbers
 * of other records and of messages, and each of them. Nothing of it happens unless it is still held. Answers 1 for each that was, else 0.
 */
const SETTLE: Script = {
  name: 'settle with record',
  source: `${SETTLING}${STORE_LUA}${SEND_LUA}
local count = tonumber(ARGV[3])
local tags, out, done, restored = {}, {}, {}, {}
for number = 1, count do tags[number] = ARGV[number + 3] end
at = 4 + count
local held = release(tags)
local function more(mine)
  local others, messages = tonumber(take()), tonumber(take())
  for _ = 1, others do
    local key, value, status, ttl = take(), take(), take(), take()
    if mine then store(key, value, status, ttl) end
  end
  for _ = 1, messages do
    local kind, a, b, c = take(), take(), take(), take()
    if mine then send(kind, a, b, c) end
  end
end
for number, tag in ipairs(tags) do
  local ending, key, value, status, ttl = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4]
  at = at + 5
  local mine = not held or held[tag]
  if held then held[tag] = false end
  if mine then
    if string.sub(ending, 1, 3) == 'ack' then done[#done + 1] = tag else restored[#restored + 1] = tag end
    if key ~= '' then store(key, value, status, ttl, true) end
  end
  if string.sub(ending, -1) == '+' then more(mine) end
  out[number] = mine and 1 or 0
end
sent()
in_pieces('HDEL', unacked, done)
for number = #restored, 1, -1 do restore(restored[number], 'redelivered') end
return out
`,
}

interface Ended {
  readonly hold: Hold
  readonly args: readonly Arg[]
}

/** `RedisBackend.emit`, while the message with this tag is held. */
type Emit = (handout: Handout, tag: string | undefined) => Promise<boolean>

/** Broker and backend on one Redis: message and record, result and acknowledgement, are one script each; those of one turn are one call. */
export class RedisJoint implements Joint {
  readonly #broker: RedisBroker
  readonly #record: Recorder
  readonly #submitter: RedisSubmitter
  readonly #settlements: Batch<Ended, boolean>
  readonly #emit: Emit

  constructor(broker: RedisBroker, record: Recorder, notes: RedisNotes, index: RedisIndex, emit: Emit) {
    this.#broker = broker
    this.#record = record
    this.#emit = emit
    this.#submitter = new RedisSubmitter(broker, record, notes, index)
    this.#settlements = new Batch((items) => this.#settle(items))
  }

  submit(submission: Submission): Promise<boolean> {
    return this.#submitter.submit(submission)
  }

  settle({ delivery, meta, publish = [], also = [], end }: Settlement): Promise<boolean> {
    if (!(delivery instanceof RedisDelivery)) throw new TypeError('settle: expected a delivery of this store')
    const { hold } = delivery
    const more = also.length + publish.length > 0
    const args: Arg[] = [
      `${end === 'requeue' ? 'requeue' : 'ack'}${more ? '+' : ''}`,
      ...recordArgs(this.#record, meta),
    ]
    if (more) {
      args.push(also.length, publish.length)
      for (const one of also) args.push(...recordArgs(this.#record, one))
      for (const message of publish) args.push(...messageArgs(this.#broker, message, false))
    }
    return delivery.ending(end, () => this.#settlements.add({ hold, args }))
  }

  async emit(handout: Handout, delivery: Delivery | undefined): Promise<boolean> {
    if (delivery !== undefined && !(delivery instanceof RedisDelivery))
      throw new TypeError('emit: expected a delivery of this store')
    return this.#emit(handout, delivery?.hold.tag)
  }

  async #settle(items: readonly Ended[]): Promise<boolean[]> {
    const { connection, heldKeys, keys, visibility } = this.#broker
    const args: Arg[] = [keys.prefix, visibility, items.length]
    for (const { hold } of items) args.push(hold.tag)
    for (const item of items) args.push(...item.args)
    const answer = await connection.script(SETTLE, heldKeys, args)
    this.#broker.forget(items.map(({ hold }) => hold))
    return (answer as number[]).map((done) => done === 1)
  }
}
