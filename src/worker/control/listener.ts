import { acknowledge } from '../../broker/acknowledge.ts'
import type { Broker, Consumer, Delivery } from '../../broker/broker.ts'
import {
  CONTROL_BINDING,
  type ControlRequest,
  controlQueue,
  controlReply,
  isMeant,
  readRequest,
} from '../../protocol/control.ts'
import { pythonRepr } from '../../protocol/repr.ts'
import { ALL_CONTENT_TYPES, CONTENT_TYPES, deserialize } from '../../protocol/serializer.ts'
import type { Clock } from '../../std/clock.ts'
import { uuid } from '../../std/id.ts'
import { Lifecycle, type Service, type ServiceRun } from '../../std/service.ts'
import type { WorkerState } from '../state.ts'

/** The worker, as remote control sees it. */
export interface Controlled {
  readonly hostname: string
  broker(): Promise<Broker>
  /** The app's. */
  readonly clock: Clock
  /** What runs, is revoked or was postponed. */
  readonly state: WorkerState
  /** How long a running task that is revoked with `terminate` may take to stop by itself, ms. */
  readonly revokeGrace: number
  /** Take a postponed task out of its queue, to its end. */
  retract(id: string): void
  error(error: unknown): void
}

/** Longest task id that a command may name, in characters: ids are remembered. */
const MAX_ID_LENGTH = 1000

type Arguments = ControlRequest['arguments']

/** What each command does, and what it answers: Celery's words. */
const COMMANDS: ReadonlyMap<string, (given: Arguments, worker: Controlled) => unknown> = new Map([
  ['ping', () => ({ ok: 'pong' })],
  ['revoke', revoke],
])

/** Listens to remote control: obeys the commands it knows, and answers where an answer is wanted. */
export class ControlListener implements Service {
  readonly #worker: Controlled
  readonly #lifecycle = new Lifecycle((run) => this.#open(run))

  constructor(worker: Controlled) {
    this.#worker = worker
  }

  start(): Promise<void> {
    return this.#lifecycle.start()
  }

  stop(): Promise<void> {
    return this.#lifecycle.stop()
  }

  async #open(run: ServiceRun): Promise<void> {
    const { hostname } = this.#worker
    const broker = await this.#worker.broker()
    const queue = { name: controlQueue(hostname, uuid()), bindings: [CONTROL_BINDING], transient: true }
    const consumer = await broker.consume([queue], { prefetch: 100, name: hostname })
    const ended = new AbortController()
    const loop = this.#listen(consumer, broker, ended.signal)
    run.defer(async () => {
      ended.abort()
      await consumer.release()
      await loop
    })
  }

  async #listen(consumer: Consumer, broker: Broker, ended: AbortSignal): Promise<void> {
    for await (const delivery of consumer) {
      try {
        // Also what cannot be read or answered: it would be delivered for ever.
        await this.#hear(delivery, broker).finally(() => void acknowledge(delivery, ended, this.#worker.clock))
      } catch (error) {
        this.#worker.error(error)
      }
    }
  }

  /**
   * What is answered; undefined where another worker is meant. A request that is refused is answered too: its sender
   * waits.
   */
  #obey(request: ControlRequest): unknown {
    try {
      if (!isMeant(request, this.#worker.hostname)) return undefined
    } catch (error) {
      this.#worker.error(error)
      return errorAnswer(error)
    }
    return answer(request, this.#worker)
  }

  async #hear({ envelope }: Delivery, broker: Broker): Promise<void> {
    const { hostname } = this.#worker
    const { contentType, contentEncoding } = envelope.properties
    const request = readRequest(deserialize(envelope.body, contentType, contentEncoding, ALL_CONTENT_TYPES))
    const value = this.#obey(request)
    const { replyTo: to, ticket } = request
    if (!to || value === undefined) return
    const serializer = contentType === CONTENT_TYPES.msgpack ? 'msgpack' : 'json'
    const reply = controlReply(value, { hostname, ticket, to, serializer })
    await broker.publish(reply.envelope, reply.route)
  }
}

/** Run the command. An error is an answer too. */
function answer({ method, arguments: given }: ControlRequest, worker: Controlled): unknown {
  const command = COMMANDS.get(method)
  if (!command) return { error: `KeyError(${pythonRepr(method)})` }
  try {
    return command(given, worker)
  } catch (error) {
    return errorAnswer(error)
  }
}

/** An error as Python would print it. */
function errorAnswer(error: unknown): { readonly error: string } {
  const { name, message } = error instanceof Error ? error : new Error(String(error))
  return { error: `${name}(${pythonRepr(message)})` }
}

function revoke({ task_id, terminate }: Arguments, worker: Controlled): unknown {
  const ids = [...new Set(Array.isArray(task_id) ? task_id : [task_id])]
  if (!ids.every((id) => typeof id === 'string' && id.length <= MAX_ID_LENGTH))
    throw new TypeError(
      `revoke: expected task_id to be an id or a list of ids, of at most ${MAX_ID_LENGTH} characters each`,
    )
  const running = revokeHere(ids, terminate === true, worker)
  if (terminate !== true) return { ok: `tasks ${setRepr(ids)} flagged as revoked` }
  return { ok: `terminate: ${running.length === 0 ? 'tasks unknown' : running.join(', ')}` }
}

/** Returns which of them run here. */
function revokeHere(ids: readonly string[], terminate: boolean, worker: Controlled): string[] {
  const { state, revokeGrace, clock } = worker
  for (const id of ids) state.revoked.add(id)
  const running = state.runningOf(ids)
  for (const request of running) {
    request.abort('revoke')
    if (terminate) clock.after(revokeGrace, () => request.kill('revoke'), true)
  }
  for (const id of ids) if (state.postponed.queueOf(id) !== undefined) worker.retract(id)
  return running.map(({ id }) => id)
}

/** As Python prints a set. */
function setRepr(ids: readonly string[]): string {
  return ids.length === 0 ? 'set()' : `{${ids.map((id) => pythonRepr(id)).join(', ')}}`
}
