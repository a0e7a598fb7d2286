import type { LimitStore, RunEnd } from '../../broker/limits.ts'
import { limitsOf } from '../../calls/prepareCall.ts'
import { LIMITS_HEADER, type LimitName, readLimits } from '../../protocol/limits.ts'
import type { Outcome } from '../../protocol/outcome.ts'
import { limitHeaders } from '../../tasks/limits/headers.ts'
import type { Request } from '../task/request.ts'
import type { WorkerApp } from '../workerApp.ts'

interface TaskLimitsParts {
  readonly limits: LimitStore
  readonly app: Pick<WorkerApp, 'config' | 'signals'>
  /** Rules with a rate, with a breaker, by their names. */
  readonly hasRate: (rule: string) => boolean
  readonly hasBreaker: (rule: string) => boolean
  /** Any of the rules has one. */
  readonly hasBreakers: () => boolean
  /** Tasks that are paused. */
  readonly paused: () => ReadonlySet<string>
}

/** The limits of tasks, as a worker keeps them: what has to wait in a lane, and what the end of a run means to them. */
export class TaskLimits {
  readonly #parts: TaskLimitsParts

  constructor(parts: TaskLimitsParts) {
    this.#parts = parts
  }

  /**
   * The headers with which a message returns to its queue, to wait in a lane: of a task or queue with limits, or that
   * is paused, and whose sender did not know that. Undefined for one that may run. Throws ArgumentError for a key that
   * cannot be, ValidationError for arguments that cannot be those of the task.
   */
  parking({ delivery, definition, message }: Request): Readonly<Record<string, unknown>> | undefined {
    if (delivery.limited) return undefined
    const { task, args, kwargs, headers } = message
    // Sent on by a program that does not know lanes: it has its limits.
    if (readLimits(headers[LIMITS_HEADER])) return {}
    const limited = limitsOf({ task, definition, args, kwargs }, delivery.queue, this.#parts.app.config)
    if (limited) return limited
    return this.#parts.paused().has(task) ? limitHeaders({ task, definition, given: { args, kwargs } }) : undefined
  }

  /**
   * A run ends so: its breakers count that, and an API that asked to wait holds back its rates. Never rejects.
   * Undefined for a run that has no breaker and whose end asks for nothing.
   */
  ended(request: Request, outcome: Outcome): Promise<void> | undefined {
    const isCounted = request.delivery.limited && (holdBackOf(outcome) !== undefined || this.#parts.hasBreakers())
    const uses = isCounted ? readLimits(request.message.headers[LIMITS_HEADER]) : undefined
    return uses && this.#count(uses, outcome, request.hostname)
  }

  async #count(uses: readonly LimitName[], outcome: Outcome, hostname: string): Promise<void> {
    try {
      await Promise.all([this.#hold(uses, outcome), this.#report(uses, outcome, hostname)])
    } catch (error) {
      this.#parts.app.signals.emit('worker:error', { error, doing: 'reporting to limits' })
    }
  }

  async #hold(uses: readonly LimitName[], outcome: Outcome): Promise<void> {
    const wait = holdBackOf(outcome)
    if (wait === undefined) return
    const { limits, app, hasRate } = this.#parts
    const until = app.config.clock.now() + wait
    const rates = uses.filter(({ rule }) => hasRate(rule))
    await Promise.all(rates.map(({ rule, key }) => limits.holdBack({ rule, key }, until)))
  }

  async #report(uses: readonly LimitName[], outcome: Outcome, hostname: string): Promise<void> {
    const ok = isOk(outcome)
    if (ok === undefined) return
    const { limits, app, hasBreaker } = this.#parts
    const ends: RunEnd[] = uses.flatMap(({ rule, key }) => (hasBreaker(rule) ? { rule, key, ok } : []))
    if (ends.length === 0) return
    const changes = await limits.report(ends)
    for (const change of changes) app.signals.emit('limit:breaker', { ...change, hostname })
  }
}

/** How long its rates let nothing through, ms. */
function holdBackOf(outcome: Outcome): number | undefined {
  return outcome.kind === 'retry' || outcome.kind === 'failure' ? outcome.holdBack : undefined
}

/** Undefined for an end that says nothing of what the task works with. */
function isOk(outcome: Outcome): boolean | undefined {
  switch (outcome.kind) {
    case 'success':
    case 'replace':
      return true
    case 'retry':
      return false
    case 'failure':
      return outcome.expected ? undefined : false
    case 'stopped':
      return outcome.by === 'time limit' ? false : undefined
    default:
      return undefined
  }
}
