import type { CompleteChord } from '../../backend/chords.ts'
import type { Completion, CompletionState } from '../../backend/unitOfWork.ts'
import { pauseForStore } from '../../broker/storeBackoff.ts'
import { withinDeadline } from '../../protocol/deadline.ts'
import type { Outcome } from '../../protocol/outcome.ts'
import { ArgumentError, CeleriacError, WorkerLostError } from '../../std/errors.ts'
import { failureOf, policyOf } from '../../tasks/retry.ts'
import type { OwnCompletion, Request } from './request.ts'
import { settlementOf } from './settlement.ts'
import type { WorkerContext } from './workerContext.ts'

/** After so many looks at a transaction that is still open, a warning. */
const LOOKS_BEFORE_WARNING = 5

class TaskCompletion implements OwnCompletion {
  readonly #request: Request
  readonly #context: WorkerContext
  #outcome: (Outcome & { readonly kind: 'success' }) | undefined
  #chords: readonly CompleteChord[] = []

  constructor(request: Request, context: WorkerContext) {
    this.#request = request
    this.#context = context
  }

  async prepare(result: unknown, children: readonly string[]): Promise<Completion> {
    const { app, stores } = this.#context
    const { acked, isOver, message } = this.#request
    if (acked)
      throw new ArgumentError(
        `completeWithin: expected a task that acknowledges late, got task ${message.task} with acksLate: false`,
      )
    if (isOver) throw new WorkerLostError('its run has ended: by its time limit, a revoke, or the end of its worker')
    const outcome = { kind: 'success', result, ...(children.length > 0 && { children }) } as const
    const settlement = settlementOf(this.#request, outcome, this.#context, app.config.clock.now())
    const completion = await stores.unitOfWork.completions?.prepare(settlement)
    this.#outcome = outcome
    return completion as Completion
  }

  written(chords: readonly CompleteChord[]): void {
    this.#chords = chords
  }

  failed(isLost: boolean): void {
    this.#outcome = undefined
    this.#chords = []
    if (isLost) this.#request.abort('lease lost')
  }

  async decide(given: Outcome): Promise<Outcome | undefined> {
    if (!this.#outcome) return given
    const { app, stopNow } = this.#context
    for (let round = 0; !stopNow.aborted; round++) {
      const state = await this.#state()
      if (state === 'committed') return this.#committed(given)
      if (state === 'lost') return given
      if (state === 'undone') return given.kind === 'success' ? this.#notCommitted() : given
      if (round === LOOKS_BEFORE_WARNING)
        this.#warn('the task has ended, and the transaction of its completeWithin is open')
      await pauseForStore(round, app.config.clock, stopNow)
    }
    return undefined
  }

  async committed(given: Outcome): Promise<Outcome | undefined> {
    return this.#outcome && (await this.#state()) === 'committed' ? this.#committed(given) : undefined
  }

  /** `open` also where the store does not answer. */
  async #state(): Promise<CompletionState> {
    const { app, stores } = this.#context
    try {
      return (await stores.unitOfWork.completions?.state(this.#request.delivery)) ?? 'lost'
    } catch (error) {
      app.signals.emit('worker:error', { error, doing: 'settling a task' })
      return 'open'
    }
  }

  #committed(given: Outcome): Outcome {
    this.#context.stores.unitOfWork.completions?.notify(this.#chords)
    this.#chords = []
    if (given.kind !== 'success')
      this.#warn('the task went on after its completion was committed, and ended otherwise: it stays completed', given)
    return this.#outcome as Outcome
  }

  #notCommitted(): Outcome {
    const { definition, job, message } = this.#request
    const { clock, logger } = this.#context.app.config
    const error = new CeleriacError(
      'NOT_COMMITTED',
      'completeWithin: expected that its transaction is committed before the task returns, got one that was rolled back',
    )
    const outcome = failureOf(error, policyOf(definition.options.retry, job), job, logger)
    return withinDeadline(outcome, message.headers, clock.now())
  }

  #warn(text: string, outcome?: Outcome): void {
    const { id, task } = this.#request.facts
    const problem = outcome && ('error' in outcome ? outcome.error.message : outcome.kind)
    this.#context.app.config.logger.warn({ id, task, problem }, text)
  }
}

/** That of a request, made when it is first asked for. */
export function completionOf(request: Request, context: WorkerContext): OwnCompletion {
  request.completion ??= new TaskCompletion(request, context)
  return request.completion
}
