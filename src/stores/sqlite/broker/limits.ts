import { setTimeout as sleep } from 'node:timers/promises'
import {
  breakerState,
  holdBack,
  isIdle,
  MAX_COUNTED_WAITING,
  newLimiter,
  passing,
  report,
} from '../../../broker/limiter.ts'
import type { BreakerChange, LimitFilter, LimitRule, LimitState, LimitStore, RunEnd } from '../../../broker/limits.ts'
import type { LimitName } from '../../../protocol/limits.ts'
import type { Clock } from '../../../std/clock.ts'
import type { Connection, SqliteFile } from '../file.ts'
import { changeWindow, pauseAfter } from '../window.ts'
import { JOIN_RULE, type KeptLimiter, LIMITER_COLUMNS, type LimiterRow, limiterOf, ruleOf } from './limiterRows.ts'
import { PauseWatch } from './pauseWatch.ts'

/** How many limits are read at once for a list. */
const LIST_PAGE = 256

/** Limits in a SQLite file. What they let through is up to `Lanes`. */
export class SqliteLimits implements LimitStore {
  readonly #file: SqliteFile
  readonly #clock: Clock
  #ruleRows: LimitRuleRows | undefined
  #prepared: Statements | undefined

  constructor(file: SqliteFile, clock: Clock) {
    this.#file = file
    this.#clock = clock
  }

  async define(rules: readonly LimitRule[]): Promise<void> {
    const changed = await this.#file.writer.write(() => rules.filter((rule) => this.#rules.set(rule)))
    for (const { name } of changed) await this.#wakeAll(name)
  }

  /** What waits is looked at again by the new rule. A rule may have very many keys: so in windows. */
  async #wakeAll(rule: string): Promise<void> {
    for (let from: string | undefined = ''; from !== undefined; ) {
      const key: string = from
      const { next, duration } = await this.#file.writer.write(() => this.#wakeSome(rule, key))
      from = next
      if (from !== undefined) await sleep(pauseAfter(duration))
    }
  }

  /** `next`: where the next window begins. */
  #wakeSome(rule: string, from: string): { readonly next: string | undefined; readonly duration: number } {
    const started = performance.now()
    const next = this.#rules.wake(rule, from)
    this.#file.touch('messages')
    return { next, duration: performance.now() - started }
  }

  pause(name: LimitName): Promise<void> {
    return this.#change(name, (limiter) => {
      limiter.paused = true
    })
  }

  resume(name: LimitName): Promise<void> {
    return this.#change(name, (limiter) => {
      limiter.paused = false
    })
  }

  onPause(listener: () => void): () => void {
    const watch = new PauseWatch(this.#file, listener)
    return () => watch.stop()
  }

  holdBack(name: LimitName, until: number): Promise<void> {
    return this.#change(name, (limiter) => holdBack(limiter, until, this.#clock.now()))
  }

  async #change(name: LimitName, change: (limiter: KeptLimiter) => void): Promise<void> {
    await this.#file.writer.write(() => {
      const limiter = this.#limiterOf(name)
      change(limiter)
      this.#save(limiter)
    })
  }

  report(ends: readonly RunEnd[]): Promise<readonly BreakerChange[]> {
    return this.#file.writer.write(() => ends.flatMap((end) => this.#report(end) ?? []))
  }

  #report({ rule, key, ok }: RunEnd): BreakerChange | undefined {
    const text = this.#statements.rule.get(rule) as { rule: string } | undefined
    const breaker = text && ruleOf(text.rule)?.breaker
    if (!breaker) return undefined
    const now = this.#clock.now()
    const found = this.#find({ rule, key })
    // Most runs end well behind a breaker that is closed: that changes nothing.
    if (ok && !found?.isHalfOpen) return undefined
    const limiter = found ?? this.#limiterOf({ rule, key })
    const isChanged = report(limiter, breaker, ok, now)
    this.#save(limiter)
    if (!isChanged) return undefined
    const state = breakerState(limiter, now)
    return { rule, key, state, ...(state === 'open' && { until: limiter.until }) }
  }

  states(names: readonly LimitName[]): Promise<readonly LimitState[]> {
    return this.#file.read(() => names.map((name) => this.#stateOf(name, this.#find(name))))
  }

  async list({ rule, paused, limit, after }: LimitFilter): Promise<readonly LimitState[]> {
    if (rule !== undefined && after && after.rule > rule) return []
    const page = this.#file.db.prepare(`SELECT ${LIMITER_COLUMNS} FROM celeriac_limiter AS limiter ${JOIN_RULE}
      WHERE ${rule === undefined ? '(limiter.rule, limiter.key) >= (?, ?)' : 'limiter.rule = ? AND limiter.key >= ?'}
      ${paused ? 'AND limiter.paused = 1' : ''} ORDER BY limiter.rule, limiter.key LIMIT ${LIST_PAGE}`)
    return this.#file.read(() => {
      const states: LimitState[] = []
      let from = after ? { rule: after.rule, key: afterKey(after.key) } : { rule: '', key: '' }
      if (rule !== undefined && from.rule !== rule) from = { rule, key: '' }
      for (let more = true; more && states.length < limit; ) {
        const rows = page.all(from.rule, from.key) as unknown as LimiterRow[]
        for (const row of rows) {
          if (states.length < limit && this.#isInUse(row)) states.push(this.#stateOf(row, limiterOf(row)))
        }
        const last = rows.at(-1)
        if (last) from = { rule: last.rule, key: afterKey(last.key) }
        more = rows.length === LIST_PAGE
      }
      return states
    })
  }

  #isInUse(row: LimiterRow): boolean {
    return !isIdle(limiterOf(row), this.#clock.now()) || this.#waiting(row.id, 1) > 0
  }

  #stateOf({ rule, key }: LimitName, found: KeptLimiter | undefined): LimitState {
    const now = this.#clock.now()
    const limiter = found ?? newLimiter()
    const text = this.#statements.rule.get(rule) as { rule: string } | undefined
    const { name: _, ...limit } = (text && ruleOf(text.rule)) ?? { name: rule }
    const { from } = passing(limiter, { name: rule, ...limit }, 1, now)
    return {
      rule,
      key,
      ...(text && { limit }),
      held: limiter.held,
      paused: limiter.paused,
      ...(from > now && Number.isFinite(from) && { until: from }),
      ...(limit.breaker && { breaker: breakerState(limiter, now) }),
      waiting: found ? this.#waiting(found.id, MAX_COUNTED_WAITING) : 0,
    }
  }

  #waiting(limiter: number, limit: number): number {
    return (this.#statements.waiting.get(limiter, limit) as { count: number }).count
  }

  #find({ rule, key }: LimitName): KeptLimiter | undefined {
    const row = this.#statements.find.get(rule, key) as LimiterRow | undefined
    return row && limiterOf(row)
  }

  /** One of which nothing is known yet is added. */
  #limiterOf(name: LimitName): KeptLimiter {
    this.#statements.add.run(name.rule, name.key)
    return this.#find(name) as KeptLimiter
  }

  /** What it blocks is looked at again, and the limit itself, where nothing needs it, by the next sweep. */
  #save({ id, paused, until, since, isHalfOpen, failures }: KeptLimiter): void {
    const texts = JSON.stringify(failures)
    this.#statements.save.run(
      Number(paused),
      until,
      since,
      Number(isHalfOpen),
      texts,
      Math.floor(this.#clock.now()),
      id,
    )
    this.#file.touch('messages')
  }

  get #rules(): LimitRuleRows {
    this.#ruleRows ??= new LimitRuleRows(this.#file)
    return this.#ruleRows
  }

  get #statements(): Statements {
    this.#prepared ??= prepare(this.#file)
    return this.#prepared
  }
}

/** The rules of limits. For use inside a transaction. */
export class LimitRuleRows {
  readonly #statements: RuleStatements

  constructor(connection: Connection) {
    this.#statements = prepareRules(connection)
  }

  /** True where it was another rule before. */
  set(rule: LimitRule): boolean {
    const { setRule, removeRule } = this.#statements
    const { name } = rule
    const text = JSON.stringify(rule)
    const change = text === JSON.stringify({ name }) ? removeRule.run(name) : setRule.run(name, text)
    return Number(change.changes) === 1
  }

  /**
   * What waits is looked at again by the new rule, for keys that are not before `from`, as many as fit one write.
   * Returns where the next ones begin; undefined at the end.
   */
  wake(rule: string, from: string): string | undefined {
    const { keys, wakeBlocking } = this.#statements
    let next = from
    const more = changeWindow((limit) => {
      const rows = keys.all(rule, next, limit) as unknown as { id: number; key: string }[]
      for (const { id } of rows) wakeBlocking.run(id)
      const last = rows.at(-1)
      if (last) next = afterKey(last.key)
      return rows.length
    })
    return more ? next : undefined
  }
}

/** The least key that comes after this one, in the order of bytes. */
function afterKey(key: string): string {
  return `${key}\0`
}

type Statements = ReturnType<typeof prepare>

function prepare({ db }: SqliteFile) {
  return {
    rule: db.prepare('SELECT rule FROM celeriac_limit_rule WHERE name = ?'),
    find: db.prepare(`SELECT ${LIMITER_COLUMNS} FROM celeriac_limiter AS limiter ${JOIN_RULE}
      WHERE limiter.rule = ? AND limiter.key = ?`),
    add: db.prepare('INSERT INTO celeriac_limiter (rule, key) VALUES (?, ?) ON CONFLICT DO NOTHING'),
    save: db.prepare(`UPDATE celeriac_limiter SET paused = ?, until = ?, since = ?, half_open = ?, failures = ?,
      wake = 0, idle = ? WHERE id = ?`),
    waiting: db.prepare(`SELECT count(*) AS count FROM (
      SELECT 1 FROM celeriac_lane_limit AS need
      CROSS JOIN celeriac_lane AS lane ON lane.id = need.lane AND lane.messages > 0
      CROSS JOIN celeriac_message AS message ON message.queue = lane.name AND message.owner IS NULL AND message.due IS NULL
      WHERE need.limiter = ? LIMIT ? + 0
    )`),
  }
}

type RuleStatements = ReturnType<typeof prepareRules>

function prepareRules({ db }: Connection) {
  return {
    setRule: db.prepare(`INSERT INTO celeriac_limit_rule (name, rule) VALUES (?, ?)
      ON CONFLICT DO UPDATE SET rule = excluded.rule WHERE rule <> excluded.rule`),
    removeRule: db.prepare('DELETE FROM celeriac_limit_rule WHERE name = ?'),
    keys: db.prepare('SELECT id, key FROM celeriac_limiter WHERE rule = ? AND key >= ? ORDER BY key LIMIT ? + 0'),
    wakeBlocking: db.prepare('UPDATE celeriac_limiter SET wake = 0 WHERE id = ? AND (waits = 1 OR wake IS NOT NULL)'),
  }
}
