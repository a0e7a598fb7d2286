import cluster, { type Worker } from 'node:cluster'
import { once } from 'node:events'
import type { Ready } from './ready.ts'
import { COLD_EXIT_CODE } from './stop.ts'

/** Message to a child: another process has replaced it. */
export const RETIRE_MESSAGE = 'retire'

/**
 * Delay before a child that has ended is replaced, ms; doubled after each child that never became ready, up to the
 * longest.
 */
const RESTART_DELAY_MS = 200
const MAX_RESTART_DELAY_MS = 10_000

/**
 * So many children that run the same command line and share its port; this process distributes connections and answers
 * none itself. A child that dies is replaced. `reload` replaces them all by processes that load the code again: each
 * ends when its successor is ready, so that there is always a process that answers.
 */
export class Cluster {
  readonly #count: number
  readonly #say: (text: string) => void
  readonly #greet: (text: string) => void
  readonly #ready = new Set<Worker>()
  readonly #starting = new Set<Promise<unknown>>()
  #stopping = false
  #reloading: Promise<void> | undefined
  #failures = 0

  /** `say`: what happens to them; `greet`: when all are ready, what the first of them says. */
  constructor(count: number, say: (text: string) => void, greet: (text: string) => void) {
    this.#count = count
    this.#say = say
    this.#greet = greet
  }

  /**
   * Start them. Resolves when all have been started, or with the exit code of the first where that cannot start at all.
   */
  async start(): Promise<number | undefined> {
    // One first, alone: an error in the module or the address is then reported once.
    let greeting = ''
    const code = await this.#start((text) => {
      greeting = text
    })
    if (code !== undefined) return code
    await Promise.all(Array.from({ length: this.#count - 1 }, () => this.#start()))
    this.#greet(greeting)
    return undefined
  }

  /** Replace all children by children with the code as it is now. While one reload runs, another does nothing more. */
  reload(): Promise<void> {
    this.#reloading ??= this.#replaceAll().finally(() => {
      this.#reloading = undefined
    })
    return this.#reloading
  }

  /** Pass a signal on and wait for their ends: SIGTERM lets requests finish, a second signal does not. */
  async stop(signal: NodeJS.Signals): Promise<void> {
    this.#stopping = true
    const workers = Object.values(cluster.workers ?? {}).filter((worker) => worker !== undefined)
    const ends = workers.map(async (worker) => worker.isDead() || (await once(worker, 'exit')))
    for (const worker of workers) worker.process.kill(signal)
    await Promise.all(ends)
  }

  /** A child. Resolves with undefined when it is ready, or with its exit code when it ended before. */
  #start(heard?: (text: string) => void): Promise<number | undefined> {
    const worker = cluster.fork()
    const starting = new Promise<number | undefined>((resolve) => {
      worker.on('message', (message: Partial<Ready> | null) => {
        if (typeof message?.ready !== 'string') return
        this.#ready.add(worker)
        this.#failures = 0
        heard?.(message.ready)
        resolve(undefined)
      })
      worker.once('exit', (code, signal) => {
        resolve(code || COLD_EXIT_CODE)
        const wasReady = this.#ready.delete(worker)
        if (this.#stopping || !wasReady) return
        this.#say(`process ${worker.process.pid} ended with ${signal ?? `exit code ${code}`}; starting another`)
        void this.#refill()
      })
    })
    this.#starting.add(starting)
    void starting.then(() => this.#starting.delete(starting))
    return starting
  }

  /** Start a successor of a child that died, again and again until one is ready. */
  async #refill(): Promise<void> {
    const pause = Math.min(MAX_RESTART_DELAY_MS, RESTART_DELAY_MS * 2 ** this.#failures++)
    await new Promise((resolve) => setTimeout(resolve, pause))
    if (this.#stopping || this.#ready.size >= this.#count) return
    const code = await this.#start()
    if (code === undefined || this.#stopping) return
    this.#say(`a process ended with exit code ${code} before it was ready; trying again`)
    void this.#refill()
  }

  async #replaceAll(): Promise<void> {
    this.#say('reloading')
    // They may have loaded the code as it was.
    await Promise.all(this.#starting)
    for (const old of [...this.#ready]) {
      if (this.#stopping) return
      const code = await this.#start()
      if (code !== undefined) {
        this.#say(
          `a process with the new code ended with exit code ${code} before it was ready; the old processes go on`,
        )
        return
      }
      // Its end is no loss from now on.
      this.#ready.delete(old)
      if (old.isConnected()) old.send(RETIRE_MESSAGE)
    }
    this.#say(`reloaded: ${this.#ready.size} processes with the current code`)
  }
}
