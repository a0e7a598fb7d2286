import { type ChildProcess, spawn } from 'node:child_process'
import { constants } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

/** `celeriac`, as this repository has it; where it is installed that is `npx celeriac`. */
const CELERIAC = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))
/** A signal again within this time (ms) is the same wish: npm and the terminal may each deliver it. */
const SAME = 500
/** Wait before a process that has ended is started again, ms; doubled, up to the longest, each time it fails to get ready. */
const AGAIN = 200
const LONGEST = 10_000

/** A command of celeriac that runs in a process of its own. */
export interface Part {
  /** For people, when it ends before it should. */
  readonly name: string
  /** Arguments of `celeriac`; `last`: what it said when it was ready the last time. */
  args(last: string | undefined): readonly string[]
}

/** How a process ended. */
interface End {
  readonly code: number
  /** For people. */
  readonly how: string
  readonly wasReady: boolean
}

/**
 * The processes of a service, as two terminals or a compose file would run them. They start together, `welcome` gets what each has said
 * when all are ready, and they end together at a signal. One that dies is started again; one that was never ready ends the others, too.
 */
export class Processes {
  readonly #name: string
  readonly #children = new Set<ChildProcess>()
  /** Ends the waits before another start. */
  readonly #stopping = new AbortController()
  /** When they were told to stop, and by which exit code, if one of them was the reason. */
  #told: number | undefined
  #failed: number | undefined

  constructor(name: string) {
    this.#name = name
  }

  /** Resolves with the exit code, when all have ended: that of the first that could not start, else the highest after a stop. */
  async run(parts: readonly Part[], welcome: (said: readonly string[]) => string): Promise<number> {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => this.#hear())
    const starts = parts.map((part) => ({ part, ready: Promise.withResolvers<string>() }))
    void Promise.all(starts.map(({ ready }) => ready.promise)).then(
      (said) => this.#told === undefined && console.log(welcome(said)),
    )
    const codes = await Promise.all(starts.map(({ part, ready }) => this.#keep(part, ready.resolve)))
    return this.#failed ?? Math.max(...codes)
  }

  /** Runs a part until it is told to stop: its exit code then. */
  async #keep({ name, args }: Part, ready: (said: string) => void): Promise<number> {
    let last: string | undefined
    for (let failures = 0; ; failures++) {
      const { code, how, wasReady } = await this.#runOnce(args(last), (said) => {
        last = said
        ready(said)
      })
      if (this.#told !== undefined) return code
      if (last === undefined) {
        this.#say(`${name} ${how}`)
        this.#failed = code
        this.#stop()
        return code
      }
      this.#say(`${name} ${how}; starting it again`)
      if (wasReady) failures = 0
      const pause = Math.min(LONGEST, AGAIN * 2 ** failures)
      await sleep(pause, undefined, { signal: this.#stopping.signal }).catch(() => undefined)
      if (this.#told !== undefined) return 0
    }
  }

  async #runOnce(args: readonly string[], ready: (said: string) => void): Promise<End> {
    // Over the channel it says when it is ready. It also learns by it that this process has been killed, and ends, too.
    const child = spawn(process.execPath, [...process.execArgv, CELERIAC, ...args], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    this.#children.add(child)
    let wasReady = false
    child.on('message', ({ ready: said }: { readonly ready: string }) => {
      wasReady = true
      ready(said)
    })
    const [code, signal, error] = await new Promise<[number | null, NodeJS.Signals | null, Error?]>((resolve) => {
      child.once('exit', (...end) => resolve(end))
      child.once('error', (error) => resolve([1, null, error]))
    })
    this.#children.delete(child)
    const how = error ? `failed: ${error.message}` : signal ? `was ended by ${signal}` : `ended with exit code ${code}`
    // One that was told before it could hear is ended by the signal itself: that is no failure.
    const gently = this.#told !== undefined && signal === 'SIGTERM'
    return { code: code ?? (gently ? 0 : numberOf(signal)), how, wasReady }
  }

  /** The first signal is a gentle stop, a second one means now: the parts know both. */
  #hear(): void {
    if (this.#told === undefined || performance.now() - this.#told > SAME) this.#stop()
  }

  #stop(): void {
    this.#told ??= performance.now()
    this.#stopping.abort()
    for (const child of this.#children) child.kill('SIGTERM')
  }

  #say(text: string): void {
    process.stderr.write(`${this.#name}: ${text}\n`)
  }
}

/** What a shell says of a program that was ended by a signal. */
function numberOf(signal: NodeJS.Signals | null): number {
  return 128 + (signal ? constants.signals[signal] : 0)
}
