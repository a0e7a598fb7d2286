import { Deferred } from '../../std/deferred.ts'
import { WorkerLostError } from '../../std/errors.ts'
import { type InspectorFacts, type InspectorSession, ownSession } from './session.ts'

/** Title of a thread, with its id. */
const THREAD = /^\[worker (\d+)\]/

type Listener = (params: InspectorFacts) => void

/** What the inspector says of a thread, as it came. */
interface Message {
  readonly id?: number
  readonly error?: { readonly message: string }
  readonly result?: InspectorFacts
  readonly method?: string
  readonly params?: InspectorFacts
}

/**
 * The inspectors of the threads of this process, by way of that of its main thread, on which this runs. All sessions
 * that are open at a moment share one connection, since it attaches to all threads.
 */
class ThreadInspectors {
  readonly #main = ownSession()
  /** By the id of the session. */
  readonly #attached = new Map<string, ThreadSession>()
  /** By the id of the thread. */
  readonly #threads = new Map<number, ThreadSession>()
  readonly #enabled: Promise<unknown>
  users = 0

  constructor() {
    this.#main.on('NodeWorker.attachedToWorker', (params) => this.#attach(params))
    this.#main.on('NodeWorker.detachedFromWorker', ({ sessionId }) => this.#detach(String(sessionId)))
    this.#main.on('NodeWorker.receivedMessageFromWorker', ({ sessionId, message }) =>
      this.#attached.get(String(sessionId))?.receive(JSON.parse(String(message)) as Message),
    )
    this.#enabled = this.#main.ask('NodeWorker.enable', { waitForDebuggerOnStart: false })
  }

  /** Rejects where there is no such thread. */
  async of(thread: number): Promise<ThreadSession> {
    await this.#enabled
    const session = this.#threads.get(thread)
    if (!session) throw new WorkerLostError(`thread ${thread} has ended`)
    return session
  }

  close(): void {
    this.#main.close()
  }

  #attach({ sessionId, workerInfo }: InspectorFacts): void {
    const id = String(sessionId)
    const send = (message: string): Promise<unknown> =>
      this.#main.ask('NodeWorker.sendMessageToWorker', { sessionId: id, message })
    const session = new ThreadSession(send)
    this.#attached.set(id, session)
    // Its `workerId` is another number.
    const [, thread] = THREAD.exec(String((workerInfo as InspectorFacts).title)) ?? []
    if (thread !== undefined) this.#threads.set(Number(thread), session)
  }

  #detach(id: string): void {
    this.#attached.get(id)?.end()
    this.#attached.delete(id)
  }
}

class ThreadSession {
  readonly #send: (message: string) => Promise<unknown>
  readonly #waiting = new Map<number, PromiseWithResolvers<InspectorFacts>>()
  readonly #listeners = new Map<string, Set<Listener>>()
  readonly #ended = new Deferred<void>()
  #hasEnded = false
  #count = 0

  constructor(send: (message: string) => Promise<unknown>) {
    this.#send = send
  }

  get ended(): Promise<void> {
    return this.#ended.promise
  }

  ask(method: string, params: object = {}): Promise<InspectorFacts> {
    if (this.#hasEnded) return Promise.reject(lost())
    const id = ++this.#count
    const answer = Promise.withResolvers<InspectorFacts>()
    this.#waiting.set(id, answer)
    this.#send(JSON.stringify({ id, method, params })).catch(answer.reject)
    return answer.promise
  }

  /** The returned function ends that. */
  on(event: string, listener: Listener): () => void {
    const listeners = this.#listeners.get(event) ?? new Set()
    this.#listeners.set(event, listeners.add(listener))
    return () => listeners.delete(listener)
  }

  receive({ id, error, result = {}, method = '', params = {} }: Message): void {
    if (id === undefined) {
      for (const listener of this.#listeners.get(method) ?? []) listener(params)
      return
    }
    const answer = this.#waiting.get(id)
    this.#waiting.delete(id)
    if (error) answer?.reject(new Error(error.message))
    else answer?.resolve(result)
  }

  /** The thread has ended. */
  end(): void {
    this.#hasEnded = true
    for (const { reject } of this.#waiting.values()) reject(lost())
    this.#waiting.clear()
    this.#ended.resolve()
  }
}

function lost(): Error {
  return new WorkerLostError('the thread has ended')
}

let inspectors: ThreadInspectors | undefined

/** Of a thread of this process, from its main thread. Rejects where the thread has ended. */
export async function threadSession(thread: number): Promise<InspectorSession> {
  inspectors ??= new ThreadInspectors()
  const shared = inspectors
  shared.users++
  const ends: (() => void)[] = []
  const close = (): void => {
    for (const end of ends) end()
    if (--shared.users > 0) return
    if (inspectors === shared) inspectors = undefined
    shared.close()
  }
  try {
    const session = await shared.of(thread)
    return {
      ended: session.ended,
      ask: (method, params) => session.ask(method, params),
      on: (event, listener) => void ends.push(session.on(event, listener)),
      close,
    }
  } catch (error) {
    close()
    throw error
  }
}
