import type { Broker } from '../../broker/broker.ts'
import type { LimitRule, LimitStore } from '../../broker/limits.ts'
import type { Config } from '../../config/config.ts'
import { type LimitPlan, queueRules } from '../../config/task/limitPlan.ts'
import { ConfigError, NotSupportedError } from '../../std/errors.ts'

/** The limits of an app, and whether its store knows them as they are here. Most apps have none. */
export class LimitRules {
  readonly #rules = new Map<string, LimitRule>()
  /** Shared limits that tasks use, with the first task that does. */
  readonly #used = new Map<string, string>()
  /** One of them has a breaker, or had. */
  hasBreakers = false
  /** The store has yet to learn of some. */
  isPending = false

  /** The app has no limits. */
  get isEmpty(): boolean {
    return this.#rules.size === 0
  }

  has(name: string): boolean {
    return this.#rules.has(name)
  }

  rule(name: string): LimitRule | undefined {
    return this.#rules.get(name)
  }

  /** One of a name that is known replaces it. */
  add(rule: LimitRule): void {
    this.#rules.set(rule.name, rule)
    this.hasBreakers ||= rule.breaker !== undefined
    this.isPending = true
  }

  addTask(task: string, { rules, shared }: LimitPlan): void {
    for (const rule of rules) this.add(rule)
    for (const name of shared) if (!this.#used.has(name)) this.#used.set(name, task)
  }

  addQueues({ queues }: Pick<Config, 'queues'>): void {
    for (const rule of queueRules(queues)) this.add(rule)
  }

  /**
   * Define them in the store, which must keep limits. Rejects with ConfigError for a task that uses a limit which
   * nothing defines, StoreUnavailableError. `within`: they are defined there, and stay pending, as that may be undone.
   */
  async define(broker: Pick<Broker, 'limits' | 'url'>, within?: Pick<LimitStore, 'define'>): Promise<void> {
    const limits = requireLimits(broker)
    for (const [name, task] of this.#used) {
      if (!this.#rules.has(name))
        throw new ConfigError(`task ${task}: uses: expected a limit that app.limit(name, …) defines, got ${name}`)
    }
    if (within) return within.define([...this.#rules.values()])
    // Before it is awaited: what is added meanwhile is pending again.
    this.isPending = false
    try {
      await limits.define([...this.#rules.values()])
    } catch (error) {
      this.isPending = true
      throw error
    }
  }
}

/** The limits of a store. Throws NotSupportedError for a store that keeps none. */
export function requireLimits({ limits, url }: Pick<Broker, 'limits' | 'url'>): LimitStore {
  if (limits) return limits
  throw new NotSupportedError(
    `${url} keeps no limits: set the app's option limits to the URL of a store that does, sqlite:, redis: or postgres:`,
  )
}
