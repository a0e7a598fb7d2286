import { type ResourceLimits, Worker } from 'node:worker_threads'
import { packageFile } from '../../../std/packageFile.ts'
import type { ChildEvents, ChildHost, ChildKind } from '../child/host.ts'
import type { ChildData, FromChild, ToChild } from '../child/messages.ts'

/** Threads of this process; one that exceeds `limits`, of its memory, ends. */
export function threads(limits?: ResourceLimits): ChildKind {
  return {
    pool: 'threads',
    noun: 'thread',
    plural: 'threads',
    start: (data, events) => new Thread(data, events, limits),
  }
}

class Thread implements ChildHost {
  readonly pid: number = process.pid
  readonly #worker: Worker

  constructor(workerData: ChildData, events: ChildEvents, resourceLimits: ResourceLimits | undefined) {
    this.#worker = new Worker(threadFile(), { name: 'celeriac', workerData, resourceLimits })
    this.#worker.on('message', (message: FromChild) => events.message(message))
    this.#worker.on('error', (error) => events.uncaught(error))
    this.#worker.on('exit', (code) => events.exit(`exit code ${code}`))
  }

  send(message: ToChild): void {
    this.#worker.postMessage(message)
  }

  /** Also stops a loop that never ends, but not native code. */
  async terminate(): Promise<void> {
    await this.#worker.terminate()
  }

  async stack(limit: number): Promise<readonly string[] | undefined> {
    const [{ stackOf }, { threadSession }] = await Promise.all([
      import('../../inspector/stack.ts'),
      import('../../inspector/threadSessions.ts'),
    ])
    return stackOf(await threadSession(this.#worker.threadId), limit)
  }

  async profile(time: number): Promise<string> {
    const [{ profileOf }, { threadSession }] = await Promise.all([
      import('../../inspector/profile.ts'),
      import('../../inspector/threadSessions.ts'),
    ])
    return profileOf(await threadSession(this.#worker.threadId), time)
  }

  unref(): void {
    this.#worker.unref()
  }
}

let file: URL | undefined

/** Searched for once: a thread that dies is replaced even while the files are being replaced. */
function threadFile(): URL {
  file ??= packageFile(import.meta.url, 'worker/pool/threads/thread', 'worker/pool/threads/entry')
  return file
}
