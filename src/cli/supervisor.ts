import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { relative } from 'node:path'
import { CodeWatch } from './watch.ts'

/** Saving several files is one change, ms. */
const DEBOUNCE = 150
/** The exit code of a program that must be mended. */
const WRONG = 2

/**
 * Keeps a program running while its code changes: each change ends it gently and starts it anew. A program that cannot
 * start for what is wrong in its code (exit code 2), or that ends after it was ready, waits for the next change; any
 * other end is ours too.
 */
export class Supervisor {
  readonly #command: readonly string[]
  readonly #folder: string
  readonly #say: (text: string) => void
  #child: ChildProcess | undefined
  #ready = false
  /** Asked to end, by a change or for good. */
  #ending = false
  #stopped = false
  #timer: NodeJS.Timeout | undefined

  /**
   * `command`: what Node is to run, options first. The program tells that it runs by any message over its IPC channel.
   */
  constructor(command: readonly string[], folder: string, say: (text: string) => void) {
    this.#command = command
    this.#folder = folder
    this.#say = say
  }

  /** Resolves with the exit code once the program has ended for good. */
  async run(): Promise<number> {
    const watch = new CodeWatch(this.#folder, (path) => this.#changed(path))
    try {
      return await this.#loop()
    } finally {
      watch.close()
      clearTimeout(this.#timer)
    }
  }

  /** Pass a signal on; the program ends, and so do we. */
  stop(signal: NodeJS.Signals): void {
    this.#stopped = true
    this.#ending = true
    this.#child?.kill(signal)
    this.#wake()
  }

  #wake: () => void = () => undefined

  async #loop(): Promise<number> {
    for (;;) {
      const code = await this.#runOnce()
      if (this.#stopped) return code
      if (this.#ending) continue
      if (!this.#ready && code !== WRONG) return code
      this.#say(`ended with exit code ${code}; waiting for a change in ${this.#folder}`)
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
      if (this.#stopped) return 0
    }
  }

  async #runOnce(): Promise<number> {
    this.#ready = false
    this.#ending = false
    // In a process group of its own, so that a Ctrl-C at the terminal reaches it once, from here.
    const child = spawn(process.execPath, this.#command, {
      stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
      detached: true,
    })
    this.#child = child
    child.once('message', () => {
      this.#ready = true
    })
    const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null]
    this.#child = undefined
    if (signal !== null && !this.#ending) this.#say(`ended by ${signal}`)
    return code ?? 1
  }

  #changed(path: string): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#restart(path), DEBOUNCE)
  }

  #restart(path: string): void {
    if (this.#stopped) return
    this.#say(`${relative(process.cwd(), path)} changed: starting anew`)
    if (this.#child && !this.#ending) this.#child.kill('SIGTERM')
    this.#ending = true
    this.#wake()
  }
}
