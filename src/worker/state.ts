import { MAX_REVOKED } from '../backend/retention.ts'
import type { TaskMessage } from '../protocol/message.ts'
import { MAX_TIMER_MS } from '../std/clock.ts'
import { RecentIds } from '../std/recentIds.ts'
import { Postponed } from './task/postponed.ts'
import type { Request } from './task/request.ts'
import type { TimeLimits } from './task/timeLimits.ts'

/** Revoked stamps of tasks. */
export interface RevokedStamps {
  /** True for a task that has one of them. */
  matches(message: Pick<TaskMessage, 'stamps'>): boolean
}

/**
 * What a worker holds, knows and has done: the worker changes it; remote control, health checks and metrics read it.
 */
export class WorkerState {
  /** Ids of revoked tasks, and of groups whose members are, the latest of them. */
  readonly revoked: RecentIds = new RecentIds(MAX_REVOKED)
  /** Requests that run, by id: what a revoke looks for. */
  readonly running: Map<string, Request> = new Map()
  /** Requests that wait for a slot or for their rate limit. */
  readonly waiting: Set<Request> = new Set()
  /** Requests of what is held and has not come as far. */
  unbegun: () => readonly Request[] = () => []
  /** Time limits that were set while it runs, by the name of the task. */
  readonly timeLimits: Map<string, TimeLimits> = new Map()
  /** Stamps that are revoked; absent where there are none. */
  revokedStamps: RevokedStamps | undefined
  /** Tasks that came before their time and were requeued a moment ago. */
  readonly postponed: Postponed = new Postponed()
  /** How many runs of each task have begun, by its name. */
  readonly totals: Map<string, number> = new Map()
  /** Id of the request whose run has begun last. */
  lastBegun: string | undefined
  /** Called when a run begins. */
  onBegin: () => void = () => undefined
  readonly #executions = new Set<Promise<void>>()

  /** How many deliveries it holds: reserved, running, or being settled. */
  get held(): number {
    return this.#executions.size
  }

  /** Requests that have not begun. */
  get reserved(): readonly Request[] {
    return [...this.waiting, ...this.unbegun()]
  }

  /** What counts as held. */
  get executions(): Iterable<Promise<void>> {
    return this.#executions
  }

  /** Counts as held until the promise resolves, and `ended` is called; it must not reject. */
  hold(execution: Promise<void>, ended?: () => void): void {
    this.#executions.add(execution)
    void execution.then(() => {
      this.#executions.delete(execution)
      ended?.()
    })
  }

  /** Resolves when nothing is held, those included that came meanwhile. */
  async released(): Promise<void> {
    while (this.#executions.size > 0) await Promise.all(this.#executions)
  }

  /** Resolves when nothing is held any more, after `limit` ms, or when `stopNow` aborts. */
  async releasedWithin(limit: number, stopNow: AbortSignal): Promise<void> {
    if (this.held === 0 || limit === 0 || stopNow.aborted) return
    let timer: NodeJS.Timeout | undefined
    let end = (): void => undefined
    const enough = new Promise<void>((resolve) => {
      end = resolve
      timer = setTimeout(resolve, Math.min(limit, MAX_TIMER_MS))
      stopNow.addEventListener('abort', end, { once: true })
    })
    await Promise.race([enough, this.released()])
    clearTimeout(timer)
    stopNow.removeEventListener('abort', end)
  }

  /** It is revoked, or one of its stamps, or the header that it is a member of: by itself, or as a step of a chain. */
  isRevoked(message: Pick<TaskMessage, 'id' | 'group' | 'embed' | 'stamps'>): boolean {
    if (this.revoked.has(message.id) || this.revokedStamps?.matches(message)) return true
    const group = headerOf(message)
    return group !== undefined && this.revoked.has(group)
  }

  /** Those that run by one of these ids: their own, or that of their header. */
  runningOf(ids: readonly string[]): readonly Request[] {
    const found = new Set(ids.flatMap((id) => this.running.get(id) ?? []))
    const groups = new Set(ids)
    for (const request of this.running.values()) {
      const group = headerOf(request.message)
      if (group !== undefined && groups.has(group)) found.add(request)
    }
    return [...found]
  }

  /** A run of this request begins. */
  begin(request: Request): void {
    const { task } = request.facts
    this.running.set(request.id, request)
    this.lastBegun = request.id
    this.totals.set(task, (this.totals.get(task) ?? 0) + 1)
    this.onBegin()
  }

  /** It does not run any more. Another request may run under the same id. */
  end(request: Request): void {
    if (this.running.get(request.id) === request) this.running.delete(request.id)
  }
}

/** Group of the header that a task is a member of; of a chain, its last step is, which is the first of the list. */
function headerOf({ group, embed }: Pick<TaskMessage, 'group' | 'embed'>): string | undefined {
  const id = group ?? embed.chain?.[0]?.options.group_id
  return typeof id === 'string' ? id : undefined
}
