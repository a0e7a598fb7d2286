import { breakerState, isIdle, type Limiter, MAX_COUNTED_WAITING, passing } from '../../../broker/limiter.ts'
import type { BreakerChange, LimitFilter, LimitRule, LimitState, LimitStore, RunEnd } from '../../../broker/limits.ts'
import type { LimitName } from '../../../protocol/limits.ts'
import type { Keys } from '../broker/keys.ts'
import type { RedisConnection, Script } from '../connection/connection.ts'
import { DEFINE, HOLD_BACK, PAUSE, REPORT, STATE, WAKE } from './scripts.ts'

/** In how many lanes of a limit the messages are counted that wait. */
const MAX_COUNTED_LANES = 1000
/** How many limits a list reads at once. */
const PAGE_SIZE = 100

/** Between rule and key of a limit, in its id: ids are in the order of rule and key. */
const SEPARATOR = '\0'

/** Limits in Redis, as `laneLua.ts` keeps them. */
export class RedisLimits implements LimitStore {
  readonly #connection: RedisConnection
  readonly #prefix: string

  constructor(connection: RedisConnection, { prefix }: Keys) {
    this.#connection = connection
    this.#prefix = prefix
  }

  async define(rules: readonly LimitRule[]): Promise<void> {
    const changed = await this.#run(DEFINE, ...rules.flatMap((rule) => [rule.name, ruleText(rule)]))
    // Where this process dies, the next sweep of a consumer goes on.
    for (let left = changed; left !== 0; ) left = await this.#run(WAKE)
  }

  async pause(name: LimitName): Promise<void> {
    await this.#run(PAUSE, idOf(name), 1)
  }

  async resume(name: LimitName): Promise<void> {
    await this.#run(PAUSE, idOf(name), 0)
  }

  /** What is not received, as while there is no connection, the caller finds: it reads now and then. */
  onPause(listener: () => void): () => void {
    const subscribing = this.#connection.subscribe(`${this.#prefix}celeriac.limits-paused`, () => listener())
    // Where the server refuses it, the caller reads now and then.
    subscribing.catch(() => undefined)
    return () => void subscribing.then((end) => end()).catch(() => undefined)
  }

  async holdBack(name: LimitName, until: number): Promise<void> {
    await this.#run(HOLD_BACK, idOf(name), until)
  }

  async report(ends: readonly RunEnd[]): Promise<readonly BreakerChange[]> {
    if (ends.length === 0) return []
    const answer = (await this.#run(REPORT, ...ends.flatMap((end) => [idOf(end), end.ok ? 1 : 0]))) as (
      | number
      | string
    )[]
    const changes: BreakerChange[] = []
    for (let at = 0; at < answer.length; at += 2) {
      const { rule, key } = ends[answer[at] as number] as RunEnd
      const until = answer[at + 1] as string
      changes.push(until === '' ? { rule, key, state: 'closed' } : { rule, key, state: 'open', until: Number(until) })
    }
    return changes
  }

  async states(names: readonly LimitName[]): Promise<readonly LimitState[]> {
    return (await this.#read(names)).map(({ state }) => state)
  }

  async list({ rule, paused, limit, after }: LimitFilter): Promise<readonly LimitState[]> {
    const index = `${this.#prefix}celeriac.${paused ? 'limits-paused' : 'limits'}`
    const end = rule === undefined ? '+' : `(${rule}\x01`
    const found: LimitState[] = []
    let from = rule === undefined ? '-' : `[${rule}${SEPARATOR}`
    if (after && (rule === undefined || after.rule >= rule)) from = `(${idOf(after)}`
    for (;;) {
      const ids = (await this.#connection.command('ZRANGEBYLEX', index, from, end, 'LIMIT', 0, PAGE_SIZE)) as string[]
      const states = await this.#read(ids.map(nameOf))
      found.push(...states.filter(({ isUsed }) => isUsed).map(({ state }) => state))
      if (found.length >= limit || ids.length < PAGE_SIZE) return found.slice(0, limit)
      from = `(${ids.at(-1)}`
    }
  }

  #run(script: Script, ...args: readonly (string | number)[]): Promise<unknown> {
    return this.#connection.script(script, [], [this.#prefix, ...args])
  }

  #read(names: readonly LimitName[]): Promise<{ readonly state: LimitState; readonly isUsed: boolean }[]> {
    return Promise.all(
      names.map(async (name) =>
        stateOf(name, (await this.#run(STATE, idOf(name), MAX_COUNTED_WAITING, MAX_COUNTED_LANES)) as StateAnswer),
      ),
    )
  }
}

type StateAnswer = readonly [now: string, rule: string, waiting: number, ...(string | null)[]]

function stateOf(
  { rule, key }: LimitName,
  [moment, text, waiting, ...fields]: StateAnswer,
): { readonly state: LimitState; readonly isUsed: boolean } {
  const now = Number(moment)
  const limit = text === '' ? undefined : (JSON.parse(text) as Omit<LimitRule, 'name'>)
  const limiter = limiterOf(fields)
  const { held, paused } = limiter
  const { from } = passing(limiter, limit && { name: rule, ...limit }, 1, now)
  const isBlocked = from > now && Number.isFinite(from)
  const state: LimitState = {
    rule,
    key,
    ...(limit && { limit }),
    held,
    paused,
    ...(isBlocked && { until: from }),
    ...(limit?.breaker && { breaker: breakerState(limiter, now) }),
    waiting,
  }
  return { state, isUsed: waiting > 0 || !isIdle(limiter, now) }
}

function limiterOf(fields: readonly (string | null)[]): Limiter {
  const [full, held, paused, until, since, half, failures] = fields
  return {
    full: Number(full ?? 0),
    held: Number(held ?? 0),
    paused: paused === '1',
    until: Number(until ?? 0),
    since: Number(since ?? 0),
    isHalfOpen: half === '1',
    failures: failures ? failures.split(',').map(Number) : [],
  }
}

/** What is stored of a rule; '' where it limits nothing. */
function ruleText({ rate, concurrency, breaker }: LimitRule): string {
  const text = JSON.stringify({ rate, concurrency, breaker })
  return text === '{}' ? '' : text
}

function idOf({ rule, key }: LimitName): string {
  return `${rule}${SEPARATOR}${key}`
}

function nameOf(id: string): LimitName {
  const at = id.indexOf(SEPARATOR)
  return { rule: id.slice(0, at), key: id.slice(at + 1) }
}
