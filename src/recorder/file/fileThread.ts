import { Worker } from 'node:worker_threads'
import { ArgumentError, ConfigError, StoreUnavailableError } from '../../std/errors.ts'
import { packageFile } from '../../std/packageFile.ts'
import type { FileCalls, FileFacts } from './recorderFile.ts'

/** What is kept and read at once takes a part of it: without a limit, garbage would take more. */
const MAX_HEAP_MIB = 256

type Method = keyof FileCalls

/** To the thread. */
export type FileCall =
  | { readonly call: number; readonly method: Method; readonly given: readonly unknown[] }
  | { readonly watch: boolean }
  | { readonly close: true }

export interface CallError {
  readonly name: string
  readonly message: string
  /** Of SQLite. */
  readonly errcode?: number
}

/** From the thread. */
export type FileReport =
  | { readonly call: number; readonly value?: unknown; readonly error?: CallError }
  | { readonly changed: true }

interface Pending {
  resolve(value: unknown): void
  reject(error: Error): void
}

/** Errors that keep their class on the way. */
const CLASSES: Readonly<Record<string, new (message: string) => Error>> = {
  ArgumentError,
  ConfigError,
  StoreUnavailableError,
}

/**
 * A thread that has a recorder's file open, so that neither a search nor a transaction stops the event loop. It is
 * started by the first call, and again by the first one after it has died; it does not keep the process alive but while
 * a call waits.
 */
export class FileThread {
  readonly #facts: FileFacts
  readonly #changed: () => void
  readonly #pending = new Map<number, Pending>()
  #worker: Worker | undefined
  #calls = 0
  #isClosed = false
  #isWatching = false

  /** `changed`: called after commits of other connections while it watches. */
  constructor(facts: FileFacts, changed: () => void) {
    this.#facts = facts
    this.#changed = changed
  }

  /** Rejects with ArgumentError, ConfigError, StoreUnavailableError; with the code of SQLite as `errcode`, if any. */
  call<Name extends Method>(method: Name, ...given: Parameters<FileCalls[Name]>): Promise<ReturnType<FileCalls[Name]>> {
    if (this.#isClosed) return Promise.reject(new StoreUnavailableError('the recorder is closed'))
    const worker = this.#started()
    const call = ++this.#calls
    return new Promise((resolve, reject) => {
      this.#pending.set(call, { resolve: resolve as (value: unknown) => void, reject })
      worker.ref()
      worker.postMessage({ call, method, given } satisfies FileCall)
    })
  }

  /** Whether commits of other connections are reported. */
  watch(isWatching: boolean): void {
    if (this.#isWatching === isWatching || this.#isClosed) return
    this.#isWatching = isWatching
    this.#started().postMessage({ watch: isWatching } satisfies FileCall)
  }

  /** Resolves when the thread has ended; calls that wait are answered before. */
  async close(): Promise<void> {
    this.#isClosed = true
    const worker = this.#worker
    if (!worker) return
    const ended = new Promise((resolve) => worker.once('exit', resolve))
    worker.ref()
    worker.postMessage({ close: true } satisfies FileCall)
    await ended
  }

  #started(): Worker {
    if (this.#worker) return this.#worker
    const worker = new Worker(threadFile(), {
      name: 'celeriac recorder',
      workerData: this.#facts,
      resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MIB },
    })
    this.#worker = worker
    worker.on('message', (report: FileReport) => this.#hear(report))
    worker.on('error', (error) => this.#ended(worker, error))
    worker.on('exit', () => this.#ended(worker, new Error('the thread of the recorder ended')))
    worker.unref()
    if (this.#isWatching) worker.postMessage({ watch: true } satisfies FileCall)
    return worker
  }

  #hear(report: FileReport): void {
    if ('changed' in report) {
      this.#changed()
      return
    }
    const pending = this.#pending.get(report.call)
    this.#pending.delete(report.call)
    if (this.#pending.size === 0) this.#worker?.unref()
    if (report.error) pending?.reject(errorOf(report.error))
    else pending?.resolve(report.value)
  }

  #ended(worker: Worker, cause: Error): void {
    if (this.#worker !== worker) return
    this.#worker = undefined
    const error = new StoreUnavailableError(`the recorder's file cannot be used: ${cause.message}`, { cause })
    for (const { reject } of this.#pending.values()) reject(error)
    this.#pending.clear()
  }
}

function errorOf({ name, message, errcode }: CallError): Error {
  const kind = CLASSES[name]
  if (kind) return new kind(message)
  // Without a code of SQLite it is a defect.
  if (errcode === undefined) return new Error(`the thread of the recorder: ${name}: ${message}`)
  return Object.assign(new StoreUnavailableError(`the recorder's file cannot be used: ${message}`), { errcode })
}

let file: URL | undefined

/** Searched for once: a thread that dies is replaced even while the files are being replaced. */
function threadFile(): URL {
  file ??= packageFile(import.meta.url, 'recorder/file/fileThread', 'recorder/file/thread')
  return file
}
