import type { CompleteChord } from '../../../backend/chords.ts'
import type { Completion } from '../../../backend/unitOfWork.ts'
import { Deferred } from '../../../std/deferred.ts'
import type { Completing } from '../../../tasks/jobServices.ts'
import type { Channel } from './channel.ts'
import { loadError } from './loadFailure.ts'
import type { LoadFailure } from './messages.ts'

/** The end of a job in a transaction that is open in this child: its settlement is put together by the worker. */
export class ChildCompleting implements Completing {
  readonly #channel: Channel
  readonly #answer = new Deferred<Completion>()

  constructor(channel: Channel) {
    this.#channel = channel
  }

  /** Throws for a result that cannot cross. */
  prepare(result: unknown, children: readonly string[]): Promise<Completion> {
    this.#channel.send({ type: 'complete', result, children })
    return this.#answer.promise
  }

  /** The worker has answered. */
  answer(completion: Completion | LoadFailure): void {
    if ('message' in completion) this.#answer.reject(loadError(completion))
    else this.#answer.resolve(completion)
  }

  written(chords: readonly CompleteChord[]): void {
    this.#channel.send({ type: 'completed', chords })
  }

  failed(isLost: boolean): void {
    this.#channel.send({ type: 'incomplete', isLost })
  }
}
