import { MAX_ATOMIC_SUBMISSIONS, needsOf, type Submission } from '../../backend/unitOfWork.ts'
import { fullError, type QueueNeed, type WaitingAmount } from '../../broker/waitingCounts.ts'
import { pieces } from '../../std/chunks.ts'
import type { QueueFullError } from '../../std/errors.ts'
import type { RedisBroker } from './broker/broker.ts'
import { listedBytes } from './broker/envelope.ts'
import { PRIORITY_STEPS } from './broker/keys.ts'
import { Batch } from './connection/batch.ts'
import type { Arg, Script } from './connection/connection.ts'
import { readAnswers } from './connection/errors.ts'
import { QUEUE_BYTES_LUA } from './queueBytes.ts'
import { isTimed, type RedisSubmitter, SUBMIT_PACKED_LUA } from './submit.ts'

/**
 * ARGV[3] is how many queues, ARGV[4…] then for each: name, how many messages may wait ('': any number), how many more
 * come, and the same two for bytes; then the arguments of `submit_packed`. Answers 'full', and for each queue how many
 * messages and bytes wait, where one has no room, and writes nothing then; else the answers of `submit_packed`.
 */
const SUBMIT_BOUNDED: Script = {
  name: 'submit bounded',
  source: `${SUBMIT_PACKED_LUA}${QUEUE_BYTES_LUA}
local function waiting_in(queue)
  local sum = tonumber(redis.pcall('HGET', prefix .. 'celeriac.lanes-waiting', queue) or 0) or 0
  for _, step in ipairs({${PRIORITY_STEPS.join(', ')}}) do
    local length = redis.pcall('LLEN', list_of(queue, step))
    if type(length) == 'number' then sum = sum + length end
  end
  return sum
end
local answer, is_full, at = {'full'}, false, 4
for _ = 1, tonumber(ARGV[3]) do
  local waiting, bytes = 0, 0
  if ARGV[at + 1] ~= '' then
    waiting = waiting_in(ARGV[at])
    if waiting + tonumber(ARGV[at + 2]) > tonumber(ARGV[at + 1]) then is_full = true end
  end
  if ARGV[at + 3] ~= '' then
    bytes = bytes_in(ARGV[at])
    if type(bytes) ~= 'number' then return bytes end
    if bytes + tonumber(ARGV[at + 4]) > tonumber(ARGV[at + 3]) then is_full = true end
  end
  answer[#answer + 1], answer[#answer + 2] = waiting, bytes
  at = at + 5
end
if is_full or at > #ARGV then return answer end
local args = {}
for number = at, #ARGV do args[#args + 1] = ARGV[number] end
answer = submit_packed(args)
finish_lanes()
return answer or {}
`,
}

type Answer = boolean | Error

/**
 * Submissions to queues that are bounded: the lists are counted in the script that submits, which takes the same time
 * however long they are; of their bytes: some milliseconds for each gigabyte.
 */
export class BoundedSubmitter {
  readonly #broker: RedisBroker
  readonly #submitter: RedisSubmitter
  readonly #batch = new Batch<Submission, boolean>((items) => this.#run(items))

  constructor(broker: RedisBroker, submitter: RedisSubmitter) {
    this.#broker = broker
    this.#submitter = submitter
  }

  submit(submission: Submission): Promise<boolean> {
    return this.#batch.add(submission)
  }

  /** There is room for all of them, or none is sent; each 1000 are one script. Rejects with QueueFullError. */
  async submitMany(submissions: readonly Submission[], opens: readonly Arg[] = []): Promise<boolean[]> {
    const needs = needsOf(submissions, listedBytes)
    const sent: Answer[] = []
    for (const some of pieces(submissions, MAX_ATOMIC_SUBMISSIONS)) {
      const answers = await this.#script(sent.length === 0 ? needs : [], some, opens)
      if (!Array.isArray(answers)) throw firstFull(needs, answers) as QueueFullError
      sent.push(...answers)
    }
    return sent.map((answer) => {
      if (answer instanceof Error) throw answer
      return answer
    })
  }

  /** Rejects with QueueFullError where there is no room now. */
  async requireRoom(submissions: readonly Submission[]): Promise<void> {
    const needs = needsOf(submissions, listedBytes)
    const { connection, heldKeys } = this.#broker
    const answer = (await connection.script(SUBMIT_BOUNDED, heldKeys, this.#needArgs(needs))) as string[]
    const full = firstFull(needs, waitingOf(needs, answer))
    if (full) throw full
  }

  async #run(items: readonly Submission[]): Promise<Answer[]> {
    const answers: Answer[] = []
    for (const some of pieces(items, MAX_ATOMIC_SUBMISSIONS)) answers.push(...(await this.#submitSome(some)))
    return answers
  }

  /** As many as fit, in their order. One that cannot be sent does not fail the others. */
  async #submitSome(items: readonly Submission[]): Promise<Answer[]> {
    const refused = new Map<Submission, QueueFullError>()
    for (;;) {
      const open = items.filter((one) => !refused.has(one))
      const sent = await this.#attempt(open)
      if (Array.isArray(sent)) return items.map((one) => refused.get(one) ?? (sent.shift() as Answer))
      for (const one of open) {
        const [need] = needsOf([one], listedBytes)
        if (!need) continue
        const { messages, bytes } = sent.get(need.queue) ?? NOTHING
        const full = fullError(need, { messages, bytes })
        if (full) refused.set(one, full)
        else sent.set(need.queue, { messages: messages + need.messages, bytes: bytes + need.bytes })
      }
      if (refused.size === items.length) return items.map((one) => refused.get(one) as QueueFullError)
    }
  }

  async #attempt(items: readonly Submission[]): Promise<Answer[] | Waiting> {
    try {
      return await this.#script(needsOf(items, listedBytes), items, [])
    } catch (error) {
      if (items.length === 1) throw error
      const alone = items.map((one) => this.#attempt([one]).catch((own: Error): Answer[] => [own]))
      const answers = await Promise.all(alone)
      return answers.map((answer, at) => {
        if (Array.isArray(answer)) return answer[0] as Answer
        return firstFull(needsOf([items[at] as Submission], listedBytes), answer) as QueueFullError
      })
    }
  }

  /** What waits in each queue where there is no room. */
  async #script(
    needs: readonly QueueNeed[],
    items: readonly Submission[],
    opens: readonly Arg[],
  ): Promise<Answer[] | Waiting> {
    const { connection, heldKeys } = this.#broker
    const args = [...this.#needArgs(needs), ...this.#submitter.packedArgs(items, isTimed, opens)]
    const answer = (await connection.script(SUBMIT_BOUNDED, heldKeys, args)) as (number | string)[]
    if (answer[0] === 'full') return waitingOf(needs, answer)
    return answer.length === 0 ? items.map(() => true) : readAnswers(answer, connection.url)
  }

  #needArgs(needs: readonly QueueNeed[]): Arg[] {
    const { keys, visibility } = this.#broker
    const args = needs.map(({ queue, max, messages, bytes }) => [
      queue,
      max.messages ?? '',
      messages,
      max.bytes ?? '',
      bytes,
    ])
    return [keys.prefix, visibility, needs.length, ...args.flat()]
  }
}

/** What waits in each queue. */
type Waiting = Map<string, WaitingAmount>
const NOTHING: WaitingAmount = { messages: 0, bytes: 0 }

function waitingOf(needs: readonly QueueNeed[], [, ...amounts]: readonly (number | string)[]): Waiting {
  const found = needs.map(({ queue }, at): [string, WaitingAmount] => {
    const [messages, bytes] = amounts.slice(2 * at, 2 * at + 2).map(Number)
    return [queue, { messages: messages ?? 0, bytes: bytes ?? 0 }]
  })
  return new Map(found)
}

function firstFull(needs: readonly QueueNeed[], waiting: Waiting): QueueFullError | undefined {
  return needs.map((need) => fullError(need, waiting.get(need.queue) ?? NOTHING)).find((full) => full !== undefined)
}
