import { MAX_ATOMIC_SUBMISSIONS, needsOf, type Submission } from '../../backend/unitOfWork.ts'
import type { QueueNeed } from '../../broker/waitingCounts.ts'
import { pieces } from '../../std/chunks.ts'
import { QueueFullError } from '../../std/errors.ts'
import type { RedisBroker } from './broker/broker.ts'
import { PRIORITY_STEPS } from './broker/keys.ts'
import { Batch } from './connection/batch.ts'
import type { Arg, Script } from './connection/connection.ts'
import { readAnswers } from './connection/errors.ts'
import { isTimed, type RedisSubmitter, SUBMIT_PACKED_LUA } from './submit.ts'

/**
 * ARGV[3] is how many queues, ARGV[4…] then name, limit and count of each, and the arguments of `submit_packed`.
 * Answers 'full' and how many wait in each queue where one has no room for its count, and writes nothing then; else the
 * answers of `submit_packed`.
 */
const SUBMIT_BOUNDED: Script = {
  name: 'submit bounded',
  source: `${SUBMIT_PACKED_LUA}
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
  local waiting = waiting_in(ARGV[at])
  answer[#answer + 1] = waiting
  if waiting + tonumber(ARGV[at + 2]) > tonumber(ARGV[at + 1]) then is_full = true end
  at = at + 3
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
 * Submissions to queues whose length is bounded: the lists are counted in the script that submits, which takes the same
 * time however long they are.
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
    const needs = needsOf(submissions)
    const sent: Answer[] = []
    for (const some of pieces(submissions, MAX_ATOMIC_SUBMISSIONS)) {
      const answers = await this.#script(sent.length === 0 ? needs : [], some, opens)
      if (!Array.isArray(answers)) throw fullErrorOf(needs, answers)
      sent.push(...answers)
    }
    return sent.map((answer) => {
      if (answer instanceof Error) throw answer
      return answer
    })
  }

  /** Rejects with QueueFullError where there is no room now. */
  async requireRoom(submissions: readonly Submission[]): Promise<void> {
    const needs = needsOf(submissions)
    const { connection, heldKeys } = this.#broker
    const answer = (await connection.script(SUBMIT_BOUNDED, heldKeys, this.#needArgs(needs))) as string[]
    const waiting = waitingOf(needs, answer)
    if (needs.some((need) => !hasRoom(need, waiting))) throw fullErrorOf(needs, waiting)
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
        const [need] = needsOf([one])
        if (need && !hasRoom(need, sent)) refused.set(one, new QueueFullError(need.queue, need.limit))
        else if (need) sent.set(need.queue, (sent.get(need.queue) ?? 0) + 1)
      }
      if (refused.size === items.length) return items.map((one) => refused.get(one) as QueueFullError)
    }
  }

  async #attempt(items: readonly Submission[]): Promise<Answer[] | Map<string, number>> {
    try {
      return await this.#script(needsOf(items), items, [])
    } catch (error) {
      if (items.length === 1) throw error
      const alone = items.map((one) => this.#attempt([one]).catch((own: Error): Answer[] => [own]))
      const answers = await Promise.all(alone)
      return answers.map((answer, at) => {
        if (Array.isArray(answer)) return answer[0] as Answer
        return fullErrorOf(needsOf([items[at] as Submission]), answer)
      })
    }
  }

  /** How many wait in each queue where there is no room. */
  async #script(
    needs: readonly QueueNeed[],
    items: readonly Submission[],
    opens: readonly Arg[],
  ): Promise<Answer[] | Map<string, number>> {
    const { connection, heldKeys } = this.#broker
    const args = [...this.#needArgs(needs), ...this.#submitter.packedArgs(items, isTimed, opens)]
    const answer = (await connection.script(SUBMIT_BOUNDED, heldKeys, args)) as (number | string)[]
    if (answer[0] === 'full') return waitingOf(needs, answer)
    return answer.length === 0 ? items.map(() => true) : readAnswers(answer, connection.url)
  }

  #needArgs(needs: readonly QueueNeed[]): Arg[] {
    const { keys, visibility } = this.#broker
    return [keys.prefix, visibility, needs.length, ...needs.flatMap(({ queue, limit, count }) => [queue, limit, count])]
  }
}

function waitingOf(needs: readonly QueueNeed[], [, ...waiting]: readonly (number | string)[]): Map<string, number> {
  return new Map(needs.map(({ queue }, at) => [queue, Number(waiting[at])]))
}

function hasRoom({ queue, limit, count }: QueueNeed, waiting: ReadonlyMap<string, number>): boolean {
  return (waiting.get(queue) ?? 0) + count <= limit
}

function fullErrorOf(needs: readonly QueueNeed[], waiting: ReadonlyMap<string, number>): QueueFullError {
  const { queue, limit, count } = needs.find((need) => !hasRoom(need, waiting)) ?? (needs[0] as QueueNeed)
  return new QueueFullError(queue, limit, count)
}
