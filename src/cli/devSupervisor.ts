import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { relative } from 'node:path'
import { PollWatch } from './pollWatch.ts'
import { CodeWatch, isNoWatch } from './watch.ts'

/** Saving several files is one change, ms. */
const DEBOUNCE_MS = 150
/** The exit code of a program whose code must be corrected before it can start. */
const BROKEN_CODE_EXIT_CODE = 2

/**
 * Keeps a program running while its code changes: each change ends it gently and starts it again. A program that cannot
 * start for what is wrong in its code (exit code 2), or that ends after it was ready, waits for the next change; any
 * other end is ours too.
 */
export class DevSupervisor {
  readonly #command: readonly string[]
  readonly #folder: string
  readonly #say: (text: string) => void
  readonly #poll: boolean
  #watches = true
  #child: ChildProcess | undefined
  #ready = false
  /** Asked to end, by a change or for good. */
  #ending = false
  #stopped = false
  #timer: NodeJS.Timeout | undefined

  /**
   * `command`: what Node is to run, options first. The program reports that it runs by any message over its IPC
   * channel. `poll`: read the folders again and again, where the system does not report changes.
   */
  constructor(command: readonly string[], folder: string, say: (text: string) => void, poll: boolean) {
    this.#command = command
    this.#folder = folder
    this.#say = say
    this.#poll = poll
  }

  /** Resolves with the exit code once the program has ended for good. */
  async run(): Promise<number> {
    const watch = this.#watch()
    try {
      return await this.#loop()
    } finally {
      watch?.close()
      clearTimeout(this.#timer)
    }
  }

  /** Undefined where the system gives no watch: the program runs without one. */
  #watch(): { close(): void } | undefined {
    const changed = (path: string): void => this.#changed(path)
    if (this.#poll) return new PollWatch(this.#folder, changed)
    try {
      return new CodeWatch(this.#folder, changed, (error) =>
        this.#say(`a new folder is not watched: ${reasonOf(error)}`),
      )
    } catch (error) {
      if (!isNoWatch(error)) throw error
      this.#watches = false
      this.#say(`the code is not watched, so a change restarts nothing: ${reasonOf(error)}`)
      return undefined
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
      if (!this.#watches || (!this.#ready && code !== BROKEN_CODE_EXIT_CODE)) return code
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
    this.#timer = setTimeout(() => this.#restart(path), DEBOUNCE_MS)
  }

  #restart(path: string): void {
    if (this.#stopped) return
    this.#say(`${relative(process.cwd(), path)} changed: restarting`)
    if (this.#child && !this.#ending) this.#child.kill('SIGTERM')
    this.#ending = true
    this.#wake()
  }
}

/** The message of the system, and what can be done. */
function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  const limit =
    code === 'ENOSPC'
      ? ' (Linux: raise fs.inotify.max_user_watches)'
      : code === 'EMFILE'
        ? ' (Linux: raise fs.inotify.max_user_instances)'
        : ''
  return `${message}${limit}; --poll watches without the system's help`
}
