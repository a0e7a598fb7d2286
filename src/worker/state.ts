import { MAX_REVOKED } from '../backend/retention.ts'
import { RecentIds } from '../std/recentIds.ts'
import { Postponed } from './task/postponed.ts'
import type { Request } from './task/request.ts'

/**
 * What a worker holds, knows and has done: the worker changes it; remote control, health checks and metrics read it.
 */
export class WorkerState {
  /** Ids of revoked tasks, the latest of them. */
  readonly revoked: RecentIds = new RecentIds(MAX_REVOKED)
  /** Requests that run, by id: what a revoke looks for. */
  readonly running: Map<string, Request> = new Map()
  /** Tasks that came before their time and were requeued a moment ago. */
  readonly postponed: Postponed = new Postponed()
  /** How many runs of each task have begun, by its name. */
  readonly totals: Map<string, number> = new Map()
  readonly #executions = new Set<Promise<void>>()

  /** How many deliveries it holds: reserved, running, or being settled. */
  get held(): number {
    return this.#executions.size
  }

  /** Counts as held until the promise resolves; it must not reject. */
  hold(execution: Promise<void>): void {
    this.#executions.add(execution)
    void execution.then(() => this.#executions.delete(execution))
  }

  /** Resolves when nothing is held, those included that came meanwhile. */
  async released(): Promise<void> {
    while (this.#executions.size > 0) await Promise.all(this.#executions)
  }

  /** A run of this request begins. */
  begin(request: Request): void {
    const { task } = request.facts
    this.running.set(request.id, request)
    this.totals.set(task, (this.totals.get(task) ?? 0) + 1)
  }

  /** It does not run any more. Another request may run under the same id. */
  end(request: Request): void {
    if (this.running.get(request.id) === request) this.running.delete(request.id)
  }
}
