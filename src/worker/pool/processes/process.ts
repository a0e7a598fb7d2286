import { type ChildProcess, fork } from 'node:child_process'
import type { Duplex } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { Deferred } from '../../../std/deferred.ts'
import { WorkerLostError } from '../../../std/errors.ts'
import { packageFile } from '../../../std/packageFile.ts'
import type { ChildEvents, ChildHost, ChildKind } from '../child/host.ts'
import type { ChildData, FromChild, ToChild } from '../child/messages.ts'
import type { Inspection } from '../pool.ts'
import { LIFELINE } from './lifeline.ts'
import { killGroup } from './processGroup.ts'

/** Processes of Node; `heap`: memory of the JavaScript heap of each, MB. */
export function processes({ heap }: { readonly heap?: number | undefined } = {}): ChildKind {
  const execArgv = heap === undefined ? [] : [`--max-old-space-size=${heap}`]
  return {
    pool: 'processes',
    noun: 'process',
    plural: 'processes',
    start: (data, events) => new Process(data, events, execArgv),
  }
}

/** Options of Node that are for this process alone: a debugger's port is taken. */
const OWN_OPTION = /^--(?:inspect|cpu-prof|heap-prof|prof|trace-)/

class Process implements ChildHost {
  readonly #child: ChildProcess
  readonly #ended = new Deferred<void>()
  #inspection: Promise<Inspection> | undefined

  /** It leads a process group, so that all that it starts ends with it, and no signal of a terminal reaches it. */
  constructor(data: ChildData, events: ChildEvents, options: readonly string[]) {
    const child = fork(processFile(), [], {
      serialization: 'advanced',
      detached: true,
      execArgv: [...process.execArgv.filter((option) => !OWN_OPTION.test(option)), ...options],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc', 'pipe'],
    })
    this.#child = child
    child.on('message', (message) => events.message(message as FromChild))
    child.on('exit', (code, signal) => this.#exit(endOf(code, signal), events))
    // It could not be started: there is no `exit` then.
    child.on('error', (error) => {
      if (child.pid !== undefined) return
      events.uncaught(error)
      this.#exit(error.message, events)
    })
    const lifeline = this.#lifeline
    // Reset when the child ends, which `exit` reports.
    lifeline?.on('error', () => lifeline.destroy())
    this.#post(data)
  }

  /** Undefined, as is `send`, for a process that could not be started because files are exhausted. */
  get #lifeline(): Duplex | undefined {
    return (this.#child.stdio as ChildProcess['stdio'] | undefined)?.[LIFELINE] as Duplex | undefined
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  send(message: ToChild): void {
    this.#post(message)
  }

  async terminate(): Promise<void> {
    const { pid, exitCode, signalCode } = this.#child
    if (pid !== undefined && exitCode === null && signalCode === null) killGroup(pid)
    await this.#ended.promise
  }

  async stack(limit: number): Promise<readonly string[] | undefined> {
    return (await this.#inspect()).stack(limit)
  }

  async profile(time: number): Promise<string> {
    return (await this.#inspect()).profile(time)
  }

  #inspect(): Promise<Inspection> {
    const lifeline = this.#lifeline
    if (!lifeline) return Promise.reject(new WorkerLostError('the process was not started'))
    this.#inspection ??= import('./inspection.ts').then(({ ProcessInspection: Looks }) => new Looks(lifeline))
    return this.#inspection
  }

  unref(): void {
    this.#child.unref()
    this.#child.channel?.unref()
  }

  /** A channel that is closed belongs to a child that has ended: `exit` follows. */
  #post(message: ChildData | ToChild): void {
    if (this.#child.connected) this.#child.send(message, () => undefined)
  }

  /** Processes that a dead child has left behind are ended, too. */
  #exit(why: string, events: ChildEvents): void {
    const { pid, stdio } = this.#child
    if (pid !== undefined) killGroup(pid)
    stdio?.[LIFELINE]?.destroy()
    this.#ended.resolve()
    events.exit(why)
  }
}

/** What a signal says about the end of a process, for people. */
const SIGNALS: Readonly<Record<string, string>> = {
  SIGABRT: 'it aborted, as Node does when memory is exhausted',
  SIGTRAP: 'it aborted, as Node does when memory is exhausted',
  SIGKILL: 'killed from outside, as by the kernel when memory is exhausted',
  SIGSEGV: 'native code failed',
  SIGBUS: 'native code failed',
  SIGILL: 'native code failed',
  SIGFPE: 'native code failed',
}

function endOf(code: number | null, signal: NodeJS.Signals | null): string {
  if (signal === null) return `exit code ${code}`
  const meaning = SIGNALS[signal]
  return meaning === undefined ? `signal ${signal}` : `signal ${signal}: ${meaning}`
}

let file: string | undefined

/** Searched for once: a process that dies is replaced even while the files are being replaced. */
function processFile(): string {
  file ??= fileURLToPath(packageFile(import.meta.url, 'worker/pool/processes/process', 'worker/pool/processes/entry'))
  return file
}
