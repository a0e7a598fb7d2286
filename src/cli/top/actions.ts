import type { App } from '../../app/app.ts'
import { Control, type ControlReply } from '../../control/control.ts'
import { isRecord } from '../../std/isRecord.ts'
import { isStoreAway } from '../../std/thrown.ts'
import { printable } from '../fleet/printable.ts'
import type { Gatherer } from './gatherer.ts'
import { retryJob } from './retry.ts'
import type { View } from './view.ts'

/** Longest wait for the next of the replies of all workers, and for that of one, whose reply ends the wait, ms. */
const REPLY_TIMEOUT_MS = 1000
const NAMED_REPLY_TIMEOUT_MS = 10_000

/** Something that is done after a yes. */
export interface Action {
  readonly question: string
  /** Resolves with what became of it. Rejects with what is no outage of the store. */
  run(): Promise<string>
}

/** What the keys do to a fleet. */
export class Actions {
  readonly #app: App
  readonly #control: Control
  readonly #gatherer: Gatherer

  constructor(app: App, gatherer: Gatherer) {
    this.#app = app
    this.#control = new Control(app)
    this.#gatherer = gatherer
  }

  /** What this key asks for; a text where it cannot be, undefined for a key without a meaning. */
  of(key: string, { selected }: View): Action | string | undefined {
    if (key === 'e') return this.enableEvents()
    if (key === 'r') return selected?.kind === 'task' ? this.#revoke(selected.id) : 'r: select a running task first'
    if (key === 'R') return selected?.kind === 'failure' ? this.#retry(selected.id) : 'R: select a failed task first'
    if (key === 'p') return selected?.kind === 'worker' ? this.#pause(selected.id) : 'p: select a worker first'
    return undefined
  }

  enableEvents(): Action {
    const run = async (): Promise<string> => {
      const count = await this.#gatherer.enableEvents()
      return `events of tasks are on: ${count} ${count === 1 ? 'worker' : 'workers'} replied`
    }
    return { question: 'all workers send events of their tasks from now on', run: () => guarded(run) }
  }

  #revoke(id: string): Action {
    const run = async (): Promise<string> => {
      const replies = await this.#control.revoke(id, { timeout: REPLY_TIMEOUT_MS })
      return failureIn(replies) ?? `revoked ${id}`
    }
    return { question: `revoke ${printable(id)}, and ask it to stop`, run: () => guarded(run) }
  }

  #retry(id: string): Action {
    const run = async (): Promise<string> => printable(await retryJob(this.#app, id))
    return { question: `send ${printable(id)} again, as a new job`, run: () => guarded(run) }
  }

  #pause(worker: string): Action {
    const isQuiet = this.#gatherer.isQuiet(worker)
    const options = { destination: [worker], timeout: NAMED_REPLY_TIMEOUT_MS }
    const run = async (): Promise<string> => {
      const replies = await (isQuiet ? this.#control.resume(options) : this.#control.quiet(options))
      if (replies.length === 0) return `${worker} does not reply`
      const failure = failureIn(replies)
      if (failure === undefined) this.#gatherer.setQuiet(worker, !isQuiet)
      return failure ?? `${worker} ${isQuiet ? 'takes tasks again' : 'takes no more tasks'}`
    }
    const doing = isQuiet ? 'takes tasks again' : 'takes no more tasks until p is pressed again'
    return { question: `${printable(worker)} ${doing}`, run: () => guarded(run) }
  }
}

/** What a worker replied that refused it. */
function failureIn(replies: readonly ControlReply[]): string | undefined {
  for (const [worker, answer] of replies.flatMap((reply) => Object.entries(reply)))
    if (isRecord(answer) && 'error' in answer) return `${worker}: ${String(answer.error)}`
  return undefined
}

async function guarded(run: () => Promise<string>): Promise<string> {
  try {
    return await run()
  } catch (error) {
    if (!isStoreAway(error)) throw error
    return (error as Error).message
  }
}
