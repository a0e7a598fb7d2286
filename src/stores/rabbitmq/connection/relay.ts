import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { Deferred } from '../../../std/deferred.ts'
import { uuid } from '../../../std/id.ts'
import { packageFile } from '../../../std/packageFile.ts'
import type { AmqpAddress } from '../url.ts'

/** Request to the thread: connect to a node, and accept one connection of this process at `path`. */
export interface RelayRequest {
  readonly path: string
  readonly hostname: string
  readonly port: number
  readonly tls: AmqpAddress['tls']
  /** ms */
  readonly timeout: number
}

/** Answer of the thread: it listens at the path, or why it does not. */
export interface RelayAnswer {
  readonly path: string
  readonly problem?: { readonly message: string; readonly code: string | undefined }
}

/**
 * One thread of this process that keeps the sockets to the server and sends their heartbeats, so that the server does
 * not give up a process whose event loop is blocked by a task. The client library connects to it through a local socket
 * as if it were the server. Starts with the first use, and keeps no process alive.
 */
class Relay {
  readonly #asked = new Map<string, Deferred<void>>()
  #thread: Worker | undefined

  /** Throws ConfigError where it cannot start because the file of its thread is missing. */
  check(): void {
    threadFile()
  }

  /**
   * Resolves to the path of a local socket that leads to the server, for one connection. Rejects when the server cannot
   * be reached.
   */
  async open({ hostname, port, tls }: AmqpAddress, timeout: number): Promise<string> {
    const path = localPath()
    const asked = new Deferred<void>()
    this.#asked.set(path, asked)
    this.#thread ??= this.#start()
    this.#thread.ref()
    this.#thread.postMessage({ path, hostname, port, tls, timeout } satisfies RelayRequest)
    try {
      await asked.promise
    } finally {
      this.#asked.delete(path)
      if (this.#asked.size === 0) this.#thread?.unref()
    }
    return path
  }

  #start(): Worker {
    const thread = new Worker(threadFile(), { name: 'celeriac relay' })
    thread.on('message', ({ path, problem }: RelayAnswer) => {
      const asked = this.#asked.get(path)
      if (problem) asked?.reject(Object.assign(new Error(problem.message), { code: problem.code }))
      else asked?.resolve()
    })
    // The sockets of the thread end with it, which their connections notice; the next connection starts another thread.
    thread.on('error', (error: Error) => this.#ended(thread, error))
    thread.on('exit', () => this.#ended(thread, new Error('the thread of the connections has ended')))
    return thread
  }

  #ended(thread: Worker, error: Error): void {
    if (this.#thread !== thread) return
    this.#thread = undefined
    for (const asked of this.#asked.values()) asked.reject(error)
  }
}

/** One for all connections of the process. */
export const relay: Relay = new Relay()

let file: URL | undefined

/** Searched for once: a thread that dies is replaced even while the files are being replaced. */
function threadFile(): URL {
  file ??= packageFile(import.meta.url, 'stores/rabbitmq/connection/relay', 'stores/rabbitmq/connection/relayThread')
  return file
}

/** A path at which no other process listens; not a file, where the system allows that. */
function localPath(): string {
  const name = `celeriac-${uuid()}`
  if (process.platform === 'linux') return `\0${name}`
  return process.platform === 'win32' ? `\\\\.\\pipe\\${name}` : join(tmpdir(), name)
}
