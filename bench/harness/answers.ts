/** Longest that a child process is silent, ms: it fills and drains whole backlogs in that time, one of millions in the second. */
const SILENCE_MS = 20 * 60_000
const LONG_SILENCE_MS = 3 * 60 * 60_000
const MANY = 1_000_000

/** Longest wait for an answer to an order, ms. */
export function silenceOf(order: object): number {
  return 'tasks' in order && Number(order.tasks) > MANY ? LONG_SILENCE_MS : SILENCE_MS
}

/** The answers of a child process, in order: those that come while none is awaited are kept. */
export class Answers {
  readonly #name: string
  readonly #limit: number
  readonly #kept: unknown[] = []
  #awaited: PromiseWithResolvers<unknown> | undefined
  #end: string | undefined

  /** `limit` is the longest wait for one answer, ms. */
  constructor(name: string, limit: number) {
    this.#name = name
    this.#limit = limit
  }

  add(answer: unknown): void {
    if (this.#awaited) this.#awaited.resolve(answer)
    else this.#kept.push(answer)
    this.#awaited = undefined
  }

  /** There are no more; `how` says how the process ended. */
  close(how: string): void {
    this.#end = how
    this.#awaited?.reject(this.#ended(how))
    this.#awaited = undefined
  }

  async next<Message>(): Promise<Message> {
    if (this.#kept.length > 0) return this.#kept.shift() as Message
    if (this.#end !== undefined) throw this.#ended(this.#end)
    const awaited = Promise.withResolvers<unknown>()
    this.#awaited = awaited
    const timer = setTimeout(
      () => awaited.reject(new Error(`${this.#name}: no answer for ${this.#limit / 1000} s`)),
      this.#limit,
    )
    try {
      return (await awaited.promise) as Message
    } finally {
      clearTimeout(timer)
    }
  }

  #ended(how: string): Error {
    return new Error(`${this.#name}: ended without an answer (${how})`)
  }
}
