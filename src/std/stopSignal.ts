import { CeleriacError } from './errors.ts'

/** What AbortSignal and `Stop` share: enough to be notified of an end, once. */
export interface StopSignal {
  readonly aborted: boolean
  // biome-ignore lint/suspicious/noExplicitAny: as in AbortSignal; both ends agree on the type.
  readonly reason: any
  addEventListener(type: 'abort', listener: () => void, options?: { once?: boolean }): void
  removeEventListener(type: 'abort', listener: () => void): void
}

/**
 * Both ends of a StopSignal in one small object: two are made for every task, where AbortControllers would cost more
 * than the task.
 */
export class Stop implements StopSignal {
  #aborted = false
  #reason: unknown
  #listeners: (() => void)[] | undefined

  get aborted(): boolean {
    return this.#aborted
  }

  get reason(): unknown {
    return this.#reason
  }

  addEventListener(_type: 'abort', listener: () => void): void {
    this.#listeners ??= []
    this.#listeners.push(listener)
  }

  removeEventListener(_type: 'abort', listener: () => void): void {
    const at = this.#listeners?.indexOf(listener) ?? -1
    if (at >= 0) this.#listeners?.splice(at, 1)
  }

  /** Notify all listeners, once. */
  abort(reason: unknown): void {
    if (this.#aborted) return
    this.#aborted = true
    this.#reason = reason
    for (const listener of this.#listeners?.splice(0) ?? []) listener()
  }
}

/** Code of the error of a start that was not waited for any longer, because a stop was asked for. */
export const STOPPED_CODE = 'STOPPED'

/**
 * The value of a promise; rejects with code `STOPPED` as soon as the signal aborts. The promise itself goes on.
 */
export async function untilStopped<Value>(promise: Promise<Value>, signal: StopSignal): Promise<Value> {
  const { promise: stopped, reject } = Promise.withResolvers<never>()
  const stop = (): void => reject(new CeleriacError(STOPPED_CODE, 'it was stopped before it had started'))
  if (signal.aborted) stop()
  signal.addEventListener('abort', stop)
  try {
    return await Promise.race([stopped, promise])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}
