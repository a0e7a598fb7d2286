import type { Output } from '../../backend/eventLog.ts'
import type { Message, Settlement, Submission, UnitOfWork, Writing } from '../../backend/unitOfWork.ts'
import type { Delivery } from '../../broker/broker.ts'
import { writeInOrder } from '../sequentialUnitOfWork.ts'
import { ENDING, MESSAGE, RECORD } from './arguments.ts'
import type { RedisBroker } from './broker/broker.ts'
import { type Hold, RedisDelivery } from './broker/delivery.ts'
import { SETTLING } from './broker/scripts.ts'
import { Batch } from './connection/batch.ts'
import type { Arg, Script } from './connection/connection.ts'
import { readAnswers } from './connection/errors.ts'
import type { RedisBackend } from './results/backend.ts'
import { STORE_LUA } from './results/recordScript.ts'
import { messageArgs, type Recorder, RedisSubmitter, recordArgs, requireQueue, SEND_LUA } from './submit.ts'

/**
 * ARGV[3] is how many, then their tags; then for each ENDING and RECORD, and RECORD and MESSAGE for as many others and
 * messages as ENDING counts. None of this happens unless the message is still held. Answers 1 for each that was held,
 * else 0; a text with the reason for one that cannot be written: it is held as before, and the others are settled.
 */
const SETTLE: Script = {
  name: 'settle with record',
  source: `${SETTLING}${STORE_LUA}${SEND_LUA}
local count = tonumber(ARGV[3])
local out, good, done, restored = {}, {}, {}, {}
local at = 4 + count
-- Before the first write.
local function problem_of(tag)
  ${ENDING.lua}
  ${RECORD.lua}
  local why = record_key ~= '' and unwritable(record_key, status, record_ttl) or nil
  if ending == 'requeue' then why = why or unrestorable(tag) end
  for _ = 1, tonumber(others) do
    ${RECORD.lua}
    why = why or unwritable(record_key, status, record_ttl)
  end
  for _ = 1, tonumber(messages) do
    ${MESSAGE.lua}
    why = why or unsendable(kind, target)
  end
  return why
end
for number = 1, count do
  local tag = ARGV[number + 3]
  out[number] = problem_of(tag)
  if not out[number] then good[#good + 1] = tag end
end
local held = release(good)
at = 4 + count
for number = 1, count do
  local tag = ARGV[number + 3]
  ${ENDING.lua}
  ${RECORD.lua}
  local mine = not out[number] and (not held or held[tag])
  if mine then
    if held then held[tag] = false end
    if ending == 'ack' then done[#done + 1] = tag else restored[#restored + 1] = tag end
    if record_key ~= '' then store(record_key, record, status, record_ttl, true) end
  end
  for _ = 1, tonumber(others) do
    ${RECORD.lua}
    if mine then store(record_key, record, status, record_ttl) end
  end
  for _ = 1, tonumber(messages) do
    ${MESSAGE.lua}
    if mine then send(kind, target, time, text) end
  end
  out[number] = out[number] or (mine and 1 or 0)
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

/**
 * Broker and backend on one Redis: message and record, result and acknowledgement, are one script each; those of one
 * turn of the event loop are one call.
 */
export class RedisUnitOfWork implements UnitOfWork {
  readonly atomic = true
  readonly #broker: RedisBroker
  readonly #backend: RedisBackend
  readonly #record: Recorder
  readonly #submitter: RedisSubmitter
  readonly #settlements: Batch<Ended, boolean>

  constructor(broker: RedisBroker, backend: RedisBackend) {
    this.#broker = broker
    this.#backend = backend
    this.#record = (meta) => backend.record(meta)
    this.#submitter = new RedisSubmitter(broker, this.#record, backend.notes, backend.index)
    this.#settlements = new Batch((items) => this.#settle(items))
  }

  submit(submission: Submission): Promise<boolean> {
    return this.#submitter.submit(submission)
  }

  submitMany(submissions: readonly Submission[]): Promise<boolean[]> {
    return this.#submitter.submitMany(submissions)
  }

  check(message: Message): void {
    requireQueue(message)
  }

  settle({ delivery, meta, publish = [], also = [], end }: Settlement): Promise<boolean> {
    const own = RedisDelivery.of(delivery)
    const { hold } = own
    const ending = end === 'requeue' ? 'requeue' : 'ack'
    const args: Arg[] = ENDING.of({ ending, others: also.length, messages: publish.length })
    args.push(...recordArgs(this.#record, meta))
    for (const one of also) args.push(...recordArgs(this.#record, one))
    for (const message of publish) args.push(...messageArgs(this.#broker, message, false))
    return own.ending(end, () => this.#settlements.add({ hold, args }))
  }

  /**
   * No message is held that could fence the write, and a crash in between is one of the caller: writing in order is
   * enough.
   */
  write(writing: Writing): Promise<boolean> {
    return writeInOrder(writing, this.#broker, this.#backend)
  }

  async emit(output: Output, delivery: Delivery | undefined): Promise<boolean> {
    return this.#backend.append(output, delivery && RedisDelivery.of(delivery).hold.tag)
  }

  async #settle(items: readonly Ended[]): Promise<(boolean | Error)[]> {
    const { connection, heldKeys, keys, visibility } = this.#broker
    const args: Arg[] = [keys.prefix, visibility, items.length]
    for (const { hold } of items) args.push(hold.tag)
    for (const item of items) args.push(...item.args)
    const answers = readAnswers(await connection.script(SETTLE, heldKeys, args), connection.url)
    this.#broker.forget(items.flatMap(({ hold }, at) => (answers[at] instanceof Error ? [] : [hold])))
    return answers
  }
}
