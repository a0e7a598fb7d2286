import { Batch } from '../broker/redis/batch.ts'
import type { RedisBroker } from '../broker/redis/broker.ts'
import type { Arg, Script } from '../broker/redis/connection.ts'
import { type Hold, RedisDelivery } from '../broker/redis/held.ts'
import { SETTLING } from '../broker/redis/scripts.ts'
import type { TaskMeta } from '../protocol/result.ts'
import { isSelfTimed, type Joint, type Message, type Settlement, type Submission } from './joint.ts'
import { STORE_LUA, type StoredRecord } from './redisStore.ts'

/** `send(kind, a, b, c)`: into its list (`push`: list, text), or kept until its time (`park`: tag, seconds, value). `sent()` does the pushes. */
const SEND_LUA = `
local visibility = tonumber(ARGV[2])
local at = 3
local function take()
  at = at + 1
  return ARGV[at - 1]
end
local lists, texts = {}, {}
local function in_pieces(command, key, values)
  for from = 1, #values, 1000 do redis.call(command, key, unpack(values, from, math.min(from + 999, #values))) end
end
local function send(kind, a, b, c)
  if kind == 'push' then
    if not texts[a] then
      lists[#lists + 1] = a
      texts[a] = {}
    end
    texts[a][#texts[a] + 1] = b
  else
    redis.call('HSET', unacked, a, c)
    redis.call('ZADD', index, string.format('%.6f', tonumber(b) - visibility), a)
    redis.call('SADD', parked, a)
    redis.call('PUBLISH', parked, '')
  end
end
local function sent()
  for _, list in ipairs(lists) do in_pieces('LPUSH', list, texts[list]) end
end
`

/** ARGV[3…] for each: `once`, key, value, status, ttl of its record (key '': none), and what is sent. Answers 1 for each that was sent, else 0. */
const SUBMIT: Script = {
  name: 'submit',
  source: `${SETTLING}${STORE_LUA}${SEND_LUA}
local out = {}
while at <= #ARGV do
  local once, key, value, status, ttl = take(), take(), take(), take(), take()
  local kind, a, b, c = take(), take(), take(), take()
  local fresh = key == '' or store(key, value, status, ttl) == 1
  if fresh or once == '0' then send(kind, a, b, c) end
  out[#out + 1] = (fresh or once == '0') and 1 or 0
end
sent()
return out
`,
}

/**
 * ARGV[3…] for each: tag, token, \`ack\` or \`requeue\`, its record as for SUBMIT, the numbers of other records and of messages, and each of them. Nothing of it
 * happens unless the holding is still valid. Answers 1 for each that was, else 0.
 */
const SETTLE: Script = {
  name: 'settle with record',
  source: `${SETTLING}${STORE_LUA}${SEND_LUA}
local out, done, restored, gone = {}, {}, {}, {}
while at <= #ARGV do
  local tag, token, ending = take(), take(), take()
  local key, value, status, ttl, others, count = take(), take(), take(), take(), tonumber(take()), tonumber(take())
  local mine = not gone[tag] and ours(tag, token)
  if mine then
    gone[tag] = true
    if ending == 'requeue' then restored[#restored + 1] = tag else done[#done + 1] = tag end
    if key ~= '' then store(key, value, status, ttl, true) end
  end
  for _ = 1, others do
    local other, its_value, its_status, its_ttl = take(), take(), take(), take()
    if mine then store(other, its_value, its_status, its_ttl) end
  end
  for _ = 1, count do
    local kind, a, b, c = take(), take(), take(), take()
    if mine then send(kind, a, b, c) end
  end
  out[#out + 1] = mine and 1 or 0
end
in_pieces('ZREM', index, done)
in_pieces('HDEL', unacked, done)
for number = #restored, 1, -1 do restore(restored[number], 'redelivered') end
sent()
return out
`,
}

interface Ended {
  readonly hold: Hold
  readonly args: readonly Arg[]
}

/** Broker and backend on one Redis: message and record, result and acknowledgement, are one script each; those of one turn are one call. */
export class RedisJoint implements Joint {
  readonly #broker: RedisBroker
  readonly #record: (meta: TaskMeta) => StoredRecord
  readonly #submissions: Batch<readonly Arg[], boolean>
  readonly #settlements: Batch<Ended, boolean>

  constructor(broker: RedisBroker, record: (meta: TaskMeta) => StoredRecord) {
    this.#broker = broker
    this.#record = record
    this.#submissions = new Batch((items) => this.#run(SUBMIT, items))
    this.#settlements = new Batch(async (items) => {
      const answer = await this.#run(
        SETTLE,
        items.map(({ args }) => args),
      )
      broker.forget(items.map(({ hold }) => hold))
      return answer
    })
  }

  async submit({ message, meta, once = false }: Submission): Promise<boolean> {
    return this.#submissions.add([
      once ? '1' : '0',
      ...this.#recordArgs(meta),
      ...this.#messageArgs(message, isSelfTimed(message)),
    ])
  }

  settle({ delivery, meta, publish = [], also = [], end }: Settlement): Promise<boolean> {
    if (!(delivery instanceof RedisDelivery)) throw new TypeError('settle: expected a delivery of this store')
    const { hold } = delivery
    const messages = publish.flatMap((message) => this.#messageArgs(message, false))
    const ending = end === 'requeue' ? 'requeue' : 'ack'
    const records = [meta, ...also].map((one) => this.#recordArgs(one))
    const [own = [], ...others] = records
    const counts = [also.length, publish.length]
    const args = [hold.tag, hold.token, ending, ...own, ...counts, ...others.flat(), ...messages]
    return delivery.ending(() => this.#settlements.add({ hold, args }))
  }

  #recordArgs(meta: TaskMeta | undefined): readonly Arg[] {
    if (!meta) return ['', '', '', 0]
    const { key, value, status, ttl } = this.#record(meta)
    return [key, value, status, ttl]
  }

  #messageArgs({ envelope, route, notBefore }: Message, selfTimed: boolean): readonly Arg[] {
    if (route.exchange !== '')
      throw new TypeError(`expected a message to a queue, got one to exchange ${route.exchange}`)
    if (notBefore !== undefined && !selfTimed && notBefore > Date.now()) {
      return ['park', ...this.#broker.park(envelope, route, notBefore)]
    }
    const { list, text } = this.#broker.pushOf(envelope, route)
    return ['push', list, text, '']
  }

  async #run(script: Script, items: readonly (readonly Arg[])[]): Promise<boolean[]> {
    const { connection, heldKeys, keys, visibility } = this.#broker
    const answer = await connection.script(script, heldKeys, [keys.prefix, visibility, ...items.flat()])
    return (answer as number[]).map((done) => done === 1)
  }
}
