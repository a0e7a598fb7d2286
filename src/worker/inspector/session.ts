import { type InspectorNotification, Session } from 'node:inspector'
import { asError } from '../../std/thrown.ts'

/** What a message of the inspector carries. */
export type InspectorFacts = Readonly<Record<string, unknown>>

/**
 * A session with the inspector of one thread, within this process: no port is opened. It reaches a thread whose event
 * loop is busy, but not one in native code, which answers later.
 */
export interface InspectorSession {
  /** Resolves when the thread has ended; absent where that ends this one, too. */
  readonly ended?: Promise<void>
  /** Send a command. Resolves with its answer; rejects with the inspector's error, or when the thread has ended. */
  ask(method: string, params?: object): Promise<InspectorFacts>
  /** Call the listener with each of these events. */
  on(event: string, listener: (params: InspectorFacts) => void): void
  /** What the session has begun ends: a thread that it has paused goes on. */
  close(): void
}

/** Of this thread. */
export function ownSession(): InspectorSession {
  return new LocalSession((session) => session.connect())
}

/** Of the main thread, from another one. */
export function mainThreadSession(): InspectorSession {
  return new LocalSession((session) => session.connectToMainThread())
}

class LocalSession implements InspectorSession {
  readonly #session = new Session()

  constructor(connect: (session: Session) => void) {
    connect(this.#session)
  }

  ask(method: string, params: object = {}): Promise<InspectorFacts> {
    return new Promise((resolve, reject) => {
      this.#session.post(method, params, (error, answer) => {
        if (error) reject(asError(error))
        else resolve((answer ?? {}) as InspectorFacts)
      })
    })
  }

  on(event: string, listener: (params: InspectorFacts) => void): void {
    this.#session.on(event, ({ params }: InspectorNotification<InspectorFacts>) => listener(params))
  }

  close(): void {
    this.#session.disconnect()
  }
}
