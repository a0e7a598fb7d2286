import { type Signal, signal } from '../../api/signal.ts'
import type { Plan } from './plan.ts'

/** `counting` and `counted`: nothing is changed so far. */
export type Phase = 'counting' | 'counted' | 'running' | 'stopped' | 'done' | 'failed'

export interface RunState {
  readonly phase: Phase
  /** How many fit, as far as they were counted. */
  readonly fitting: number
  /** How many were changed. */
  readonly changed: number
  /** How many were left out, by the reason. */
  readonly left: Readonly<Record<string, number>>
  readonly error?: Error
}

/** Jobs of one request that counts, and of one that changes them: it can be stopped after each. */
const COUNTED = 1000
const CHANGED = 200

/** Counts the jobs of a plan, then changes them, request by request; it can be stopped between two, and go on. */
export class BulkRun {
  readonly state: Signal<RunState>
  readonly #plan: Plan
  #stop = new AbortController()
  /** Where it goes on: a series, and its cursor. */
  #at = 0
  #cursor: string | undefined

  constructor(plan: Plan) {
    this.#plan = plan
    this.state = signal({ phase: 'counting', fitting: 0, changed: 0, left: plan.left })
  }

  /** Change nothing. */
  async count(): Promise<void> {
    this.#set({ phase: 'counting', fitting: 0, left: this.#plan.left })
    this.#begin()
    if (await this.#walk(true)) this.#set({ phase: 'counted' })
  }

  /** Change them, from where it was stopped. */
  async run(): Promise<void> {
    const isFirst = this.state.value.phase === 'counted'
    this.#set({ phase: 'running', ...(isFirst && { left: this.#plan.left }) })
    if (isFirst) this.#begin()
    if (await this.#walk(false)) this.#set({ phase: 'done' })
  }

  /** What is on its way is answered, or not: what was changed stays so. */
  stop(): void {
    this.#stop.abort()
    this.#set({ phase: 'stopped' })
  }

  #begin(): void {
    this.#at = 0
    this.#cursor = undefined
  }

  /** True at the end. */
  async #walk(dryRun: boolean): Promise<boolean> {
    this.#stop = new AbortController()
    const { signal: stop } = this.#stop
    const limit = dryRun ? COUNTED : CHANGED
    try {
      for (let series = this.#plan.series[this.#at]; series; series = this.#plan.series[this.#at]) {
        const { count, left, cursor } = await series({ cursor: this.#cursor, dryRun, limit, signal: stop })
        if (stop.aborted) return false
        this.#cursor = cursor
        if (cursor === undefined) this.#at++
        this.#add(dryRun ? 'fitting' : 'changed', count, left)
      }
      return true
    } catch (error) {
      if (!stop.aborted) this.#set({ phase: 'failed', error: error as Error })
      return false
    }
  }

  #add(what: 'fitting' | 'changed', count: number, left: Readonly<Record<string, number>>): void {
    const { value } = this.state
    const sums = { ...value.left }
    for (const [reason, number] of Object.entries(left)) if (number > 0) sums[reason] = (sums[reason] ?? 0) + number
    this.#set({ [what]: value[what] + count, left: sums })
  }

  #set(change: Partial<RunState>): void {
    const { error: _, ...rest } = this.state.value
    this.state.value = { ...rest, ...change }
  }
}
