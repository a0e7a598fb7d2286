import type { Duplex } from 'node:stream'
import { WorkerLostError } from '../../../std/errors.ts'
import type { Inspection } from '../pool.ts'
import { type Look, lineReader, type Seen } from './inspectionMessages.ts'

type Question = Look extends infer Each ? (Each extends Look ? Omit<Each, 'id'> : never) : never

/**
 * Looks into a process, by way of a thread of it that is never busy, the watchdog's: its main thread may be in a loop
 * that never ends.
 */
export class ProcessInspection implements Inspection {
  readonly #lifeline: Duplex
  readonly #waiting = new Map<number, PromiseWithResolvers<Seen>>()
  #count = 0

  constructor(lifeline: Duplex) {
    this.#lifeline = lifeline
    const read = lineReader((line) => this.#receive(JSON.parse(line) as Seen))
    lifeline.setEncoding('utf8').on('data', read)
    lifeline.on('close', () => this.#end())
  }

  async stack(limit: number): Promise<readonly string[] | undefined> {
    return (await this.#ask({ what: 'stack', limit })).stack
  }

  async profile(time: number): Promise<string> {
    return (await this.#ask({ what: 'profile', time })).profile ?? ''
  }

  async #ask(question: Question): Promise<Seen> {
    const id = ++this.#count
    const answer = Promise.withResolvers<Seen>()
    if (this.#lifeline.destroyed) throw lost()
    this.#waiting.set(id, answer)
    this.#lifeline.write(`${JSON.stringify({ id, ...question } satisfies Look)}\n`)
    const seen = await answer.promise
    if (seen.error !== undefined) throw new Error(seen.error)
    return seen
  }

  #receive(seen: Seen): void {
    this.#waiting.get(seen.id)?.resolve(seen)
    this.#waiting.delete(seen.id)
  }

  #end(): void {
    for (const { reject } of this.#waiting.values()) reject(lost())
    this.#waiting.clear()
  }
}

function lost(): Error {
  return new WorkerLostError('the process has ended')
}
