import { type ChildProcess, spawn } from 'node:child_process'
import { constants } from 'node:os'
import { fileURLToPath } from 'node:url'

/** `celeriac`, as this repository has it; where it is installed that is `npx celeriac`. */
const CELERIAC = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))
/** A signal again within this time (ms) is the same wish: npm and the terminal may each deliver it. */
const SAME = 500

/** A command of celeriac that runs in a process of its own. */
export interface Part {
  /** For people, when it ends before it should. */
  readonly name: string
  /** Arguments of `celeriac`. */
  readonly args: readonly string[]
  /** What it prints when it is up. */
  readonly up: RegExp
}

/**
 * The processes of a service, as two terminals or a compose file would run them. They start together, `welcome` is told when all are up
 * (with what each `up` has found), and they end together: at a signal, or when one of them ends.
 */
export class Processes {
  readonly #name: string
  readonly #children = new Map<string, ChildProcess>()
  readonly #ends: Promise<number>[] = []
  /** When they were told to stop, and by which exit code, if one of them was the reason. */
  #told: number | undefined
  #failed: number | undefined

  constructor(name: string) {
    this.#name = name
  }

  /** Resolves with the exit code, when all have ended: that of the first to end by itself, else the highest after a stop. */
  async run(parts: readonly Part[], welcome: (found: readonly string[]) => string): Promise<number> {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => this.#hear())
    const up = parts.map((part) => this.#start(part))
    void Promise.all(up).then((found) => this.#told === undefined && console.log(welcome(found)))
    const codes = await Promise.all(this.#ends)
    return this.#failed ?? Math.max(...codes)
  }

  /** Resolves when it is up; never, when it ends before. */
  #start({ name, args, up }: Part): Promise<string> {
    // Over the channel a child learns that this process has been killed, and ends, too.
    const child = spawn(process.execPath, [...process.execArgv, CELERIAC, ...args], {
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    })
    this.#children.set(name, child)
    this.#ends.push(this.#end(name, child))
    return new Promise((resolve) => {
      let text = ''
      child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
        process.stdout.write(chunk)
        text += chunk
        const found = up.exec(text)
        if (found) resolve(found[1] ?? '')
      })
    })
  }

  /** Its exit code, once it has ended; the others then end, too. */
  async #end(name: string, child: ChildProcess): Promise<number> {
    const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve) => {
      child.once('close', (...how) => resolve(how))
    })
    this.#children.delete(name)
    // One that was told before it could hear is ended by the signal itself: that is no failure.
    if (this.#told !== undefined) return code ?? (signal === 'SIGTERM' ? 0 : numberOf(signal))
    if (signal) process.stderr.write(`${this.#name}: ${name} was ended by ${signal}\n`)
    this.#failed = code ?? numberOf(signal)
    this.#stop()
    return this.#failed
  }

  /** The first signal is a gentle stop, a second one means now: the parts know both. */
  #hear(): void {
    if (this.#told === undefined || performance.now() - this.#told > SAME) this.#stop()
  }

  #stop(): void {
    this.#told ??= performance.now()
    for (const child of this.#children.values()) child.kill('SIGTERM')
  }
}

/** What a shell says of a program that was ended by a signal. */
function numberOf(signal: NodeJS.Signals | null): number {
  return 128 + (signal ? constants.signals[signal] : 0)
}
