import type { Database, RunOptions } from './database.ts'
import type { Row, Step } from './pipeline.ts'

/** The steps of one transaction, put together by several parts of the store; each reads its own answers afterwards. */
export class Plan {
  readonly #steps: Step[] = []
  #answers: readonly Row[][] | undefined

  get isEmpty(): boolean {
    return this.#steps.length === 0
  }

  /** Returns what reads the rows of these steps, after `run`. */
  add(steps: readonly Step[]): () => readonly (readonly Row[])[] {
    const from = this.#steps.length
    this.#steps.push(...steps)
    return () => {
      if (!this.#answers) throw new TypeError('a plan was read before it has run')
      return this.#answers.slice(from, from + steps.length)
    }
  }

  /** Rejects as `Database.run`. */
  async run(database: Pick<Database, 'run'>, options?: RunOptions): Promise<void> {
    this.#answers = await database.run(this.#steps, options)
  }
}
