import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { guard } from '../redis/guard.ts'
import { within } from '../wait.ts'

const PYTHON = '/usr/bin/python3'
const FOLDER = join(import.meta.dirname, 'python')

/** Settings of a Celery app of the tests, as `python/shop.py` reads them. */
export interface PythonSettings {
  readonly broker: string
  /** Default: the broker. */
  readonly backend?: string
  /** Where its tasks wait for gates and note their effects. Default: the broker. */
  readonly store?: string
  /** The app's default queue. Default `python`. */
  readonly queue?: string
  /** `task_queue_max_priority`, of RabbitMQ. */
  readonly maxPriority?: number
  /** Arguments of the default queue, of RabbitMQ. */
  readonly queueArguments?: Readonly<Record<string, unknown>>
  /** Queues of exchanges, a broadcast `news`, and `worker_direct`: see `shop.py`. */
  readonly exchanges?: boolean
  /** `worker_prefetch_multiplier`. Default 4. */
  readonly prefetchMultiplier?: number
  readonly serializer?: 'json' | 'msgpack'
  /** `broker_transport_options`. */
  readonly transport?: Readonly<Record<string, unknown>>
  /** `result_extended`. */
  readonly extended?: boolean
}

export interface PythonWorkerOptions extends PythonSettings {
  /** Default: the app's default queue. */
  readonly queues?: readonly string[]
  /** Default threads. Limits of time need prefork, and so does a full worker that is to take more at once: in threads, kombu notices late. */
  readonly pool?: 'solo' | 'threads' | 'prefork'
  /** Default 4. */
  readonly concurrency?: number
  /** Default `py@test`. */
  readonly hostname?: string
  /** It sends all events. Default: none. */
  readonly events?: boolean
  /** Without `events`: it sends heartbeats, and the events of tasks when it is asked. */
  readonly heartbeat?: boolean
}

/** A real Celery worker; it ends with the test process. */
export class PythonWorker {
  readonly hostname: string
  readonly #process: ChildProcessWithoutNullStreams
  readonly #ended: Promise<unknown>
  #log = ''

  /** Resolves when it takes tasks. */
  static async start(options: PythonWorkerOptions): Promise<PythonWorker> {
    const {
      queue = 'python',
      queues = [queue],
      pool = 'threads',
      concurrency = 4,
      hostname = 'py@test',
      events,
      heartbeat,
    } = options
    const flags = ['-P', pool, '-c', String(concurrency), '-Q', queues.join(','), '-n', hostname, '-l', 'INFO']
    const sends = events ? ['-E'] : heartbeat ? [] : ['--without-heartbeat']
    const quiet = ['--without-gossip', '--without-mingle', ...sends]
    const worker = new PythonWorker(
      launch(options, ['-m', 'celery', '-A', 'tasks', 'worker', ...flags, ...quiet]),
      hostname,
    )
    await worker.#logged(/ ready\.\n/)
    return worker
  }

  private constructor(child: ChildProcessWithoutNullStreams, hostname: string) {
    this.hostname = hostname
    this.#process = child
    this.#ended = once(child, 'exit')
    const hear = (chunk: Buffer): void => {
      this.#log += chunk
    }
    child.stdout.on('data', hear)
    child.stderr.on('data', hear)
  }

  /** What it wrote so far. */
  get log(): string {
    return this.#log
  }

  /** Warm shutdown; by force after a few seconds. */
  async stop(): Promise<void> {
    this.#process.kill('SIGTERM')
    const force = setTimeout(() => this.kill(), 5000)
    await this.#ended
    clearTimeout(force)
  }

  /** End it and its children at once. */
  async kill(): Promise<void> {
    endGroup(this.#process)
    await this.#ended
  }

  /** As `kill`, while it holds messages and takes none: kombu loses what it has taken and not yet noted as held. Of prefork only. */
  async killHolding(): Promise<void> {
    const { pid } = this.#process
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')
    for (const child of children) process.kill(Number(child), 'SIGSTOP')
    // Nothing is acknowledged any more: it takes what it may hold, and then waits.
    await sleep(1000)
    await this.kill()
  }

  async #logged(pattern: RegExp): Promise<void> {
    const gone = this.#ended.then(() => {
      throw new Error(`the Python worker ended\n${this.#log}`)
    })
    const logged = async (): Promise<void> => {
      while (!pattern.test(this.#log)) {
        const more = [once(this.#process.stderr, 'data'), once(this.#process.stdout, 'data')]
        await Promise.race([...more, gone])
      }
    }
    await within(() => `${pattern} in the Python worker's log\n${this.#log}`, logged())
  }
}

/** What Celery's `get` told. */
export interface PythonResult {
  readonly status: string
  readonly result?: unknown
  readonly error?: { readonly type: string; readonly module: string; readonly args: unknown[]; readonly text: string }
  readonly traceback: string | null
}

/** A signature, as `python/client.py` reads it. */
export interface PythonSignature {
  readonly task: string
  readonly args?: readonly unknown[]
  readonly kwargs?: Readonly<Record<string, unknown>>
  readonly immutable?: boolean
  readonly options?: Readonly<Record<string, unknown>>
}

/** A real Celery client: one process that answers one request after the other. */
export class PythonClient {
  readonly #process: ChildProcessWithoutNullStreams
  readonly #ended: Promise<unknown>
  readonly #lines: AsyncIterator<string>
  #errors = ''
  #last: Promise<unknown> = Promise.resolve()

  static async start(settings: PythonSettings): Promise<PythonClient> {
    const client = new PythonClient(launch(settings, [join(FOLDER, 'client.py')]))
    await client.#line()
    return client
  }

  private constructor(child: ChildProcessWithoutNullStreams) {
    this.#process = child
    this.#ended = once(child, 'exit')
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    child.stderr.on('data', (chunk: Buffer) => {
      this.#errors += chunk
    })
  }

  /** `app.send_task`; the id. `options` are those of `apply_async`, and `protocol`. */
  send(task: string, args: readonly unknown[] = [], options: Readonly<Record<string, unknown>> = {}): Promise<string> {
    return this.call('send', { task, args, ...options })
  }

  /** `AsyncResult(id).get(propagate=False)`. */
  get(id: string, timeout = 20): Promise<PythonResult> {
    return this.call('get', { id, timeout })
  }

  /** `send`, then `get`. */
  async run(
    task: string,
    args: readonly unknown[] = [],
    options: Readonly<Record<string, unknown>> = {},
  ): Promise<PythonResult> {
    return this.get(await this.send(task, args, options))
  }

  /** A command of `python/client.py`. Rejects with what it raised. */
  call<Value>(command: string, args: Readonly<Record<string, unknown>>): Promise<Value> {
    const answer = this.#last.then(() => this.#ask<Value>(command, args))
    this.#last = answer.catch(() => undefined)
    return answer
  }

  async stop(): Promise<void> {
    endGroup(this.#process)
    await this.#ended
  }

  async #ask<Value>(command: string, args: Readonly<Record<string, unknown>>): Promise<Value> {
    this.#process.stdin.write(`${JSON.stringify({ command, arguments: args })}\n`)
    const { value, error, traceback } = JSON.parse(await this.#line()) as Record<string, unknown>
    if (error !== undefined) throw new Error(`${error}\n${traceback}`)
    return value as Value
  }

  async #line(): Promise<string> {
    const { value, done } = await this.#lines.next()
    if (done) throw new Error(`the Python client ended\n${this.#errors}`)
    return value
  }
}

/** `celery -A tasks` with these arguments, and what it has printed; it ends with the test process. */
export class PythonProgram {
  readonly #process: ChildProcessWithoutNullStreams
  printed = ''

  constructor(settings: PythonSettings, args: readonly string[]) {
    this.#process = launch(settings, ['-u', '-m', 'celery', '-A', 'tasks', ...args])
    const hear = (chunk: Buffer): void => {
      this.printed += chunk
    }
    this.#process.stdout.on('data', hear)
    this.#process.stderr.on('data', hear)
  }

  kill(): void {
    endGroup(this.#process)
  }
}

/** In a process group of its own, so that pool processes end with it. */
function launch(settings: PythonSettings, args: readonly string[]): ChildProcessWithoutNullStreams {
  const { broker } = settings
  const all = { backend: broker, store: broker, ...settings }
  const env = { ...process.env, INTEROP: JSON.stringify(all), C_FORCE_ROOT: '1', PYTHONDONTWRITEBYTECODE: '1' }
  const child = spawn(PYTHON, args, { cwd: FOLDER, env, detached: true })
  guard(child, { group: true })
  return child
}

function endGroup(child: ChildProcessWithoutNullStreams): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  process.kill(-child.pid, 'SIGKILL')
}
