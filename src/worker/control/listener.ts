import { MAX_REVOKED } from '../../backend/retention.ts'
import { acknowledge } from '../../broker/acknowledge.ts'
import type { Broker, Consumer, Delivery } from '../../broker/broker.ts'
import {
  CONTROL_BINDING,
  type ControlRequest,
  controlQueue,
  controlReply,
  isMeant,
  isSet,
  MAX_ID_LENGTH,
  readRequest,
  terminated,
} from '../../protocol/control.ts'
import { CONTROL_COMMANDS, commandName } from '../../protocol/controlCommands.ts'
import { encodePlain } from '../../protocol/encoding.ts'
import { pythonRepr } from '../../protocol/repr.ts'
import { ALL_CONTENT_TYPES, CONTENT_TYPES, deserialize } from '../../protocol/serializer.ts'
import { uuid } from '../../std/id.ts'
import { Lifecycle, type Service, type ServiceRun } from '../../std/service.ts'
import type { Arguments, Command, CommandContext, Controlled } from './controlled.ts'

/** The commands that come often or must be fast; the others are loaded by the first of them. */
const COMMANDS: ReadonlyMap<string, Command> = new Map<string, Command>([
  ['ping', () => ({ ok: 'pong' })],
  ['revoke', revoke],
])

/** Listens to remote control: obeys the commands it knows, and answers where an answer is wanted. */
export class ControlListener implements Service {
  readonly #controlled: Controlled
  readonly #lifecycle = new Lifecycle((run) => this.#open(run))
  #others: Promise<ReadonlyMap<string, Command>> | undefined
  #since = 0
  #ended = new AbortController()
  /** Answers to commands that take a while. */
  readonly #slow = new Set<Promise<void>>()

  constructor(controlled: Controlled) {
    this.#controlled = controlled
  }

  start(): Promise<void> {
    return this.#lifecycle.start()
  }

  stop(): Promise<void> {
    return this.#lifecycle.stop()
  }

  async #open(run: ServiceRun): Promise<void> {
    const { worker, app, allowed } = this.#controlled
    if (allowed === false) return
    const { hostname } = worker
    this.#since = app.config.clock.now()
    const { broker } = await app.stores()
    const queue = { name: controlQueue(hostname, uuid()), bindings: [CONTROL_BINDING], transient: true }
    const consumer = await broker.consume([queue], { prefetch: 100, name: hostname })
    const ended = new AbortController()
    this.#ended = ended
    const loop = this.#listen(consumer, broker, ended.signal)
    const mingling = this.#mingle(ended.signal)
    run.defer(async () => {
      ended.abort()
      await Promise.all([consumer.release(), mingling, ...this.#slow])
      await loop
    })
  }

  /** On brokers that Celery's workers share: elsewhere the store knows all revoked ids. */
  async #mingle(ended: AbortSignal): Promise<void> {
    const { app } = this.#controlled
    if (app.config.broker.scheme === 'memory' || app.config.broker.scheme === 'sqlite') return
    try {
      await (await import('./mingle.ts')).mingle(this.#controlled, ended)
    } catch (error) {
      if (!ended.aborted) this.#report(error)
    }
  }

  async #listen(consumer: Consumer, broker: Broker, ended: AbortSignal): Promise<void> {
    const { clock } = this.#controlled.app.config
    for await (const delivery of consumer) {
      try {
        // Also what cannot be read or answered: it would be delivered for ever.
        await this.#receive(delivery, broker).finally(() => void acknowledge(delivery, ended, clock))
      } catch (error) {
        this.#report(error)
      }
    }
  }

  async #receive({ envelope }: Delivery, broker: Broker): Promise<void> {
    const { app } = this.#controlled
    const { contentType, contentEncoding } = envelope.properties
    app.logicalClock.adjust(envelope.headers.clock)
    const request = readRequest(deserialize(envelope.body, contentType, contentEncoding, ALL_CONTENT_TYPES))
    const answering = this.#reply(request, contentType, broker)
    if (!CONTROL_COMMANDS.get(commandName(request.method))?.slow) return answering
    const answered = answering.catch((error: unknown) => this.#report(error)).finally(() => this.#slow.delete(answered))
    this.#slow.add(answered)
  }

  async #reply(request: ControlRequest, contentType: string, broker: Broker): Promise<void> {
    const { worker, app } = this.#controlled
    const value = await this.#obey(request)
    const { replyTo: to, ticket } = request
    if (!to || value === undefined) return
    const serializer = contentType === CONTENT_TYPES.msgpack ? 'msgpack' : 'json'
    const address = { hostname: worker.hostname, ticket, to, serializer, clock: app.logicalClock.forward() } as const
    const reply = controlReply(sendable(value, serializer), address)
    await broker.publish(reply.envelope, reply.route)
  }

  /**
   * What is answered; undefined where another worker is meant. A request that is refused is answered too: its sender
   * waits.
   */
  async #obey(request: ControlRequest): Promise<unknown> {
    try {
      if (!isMeant(request, this.#controlled.worker.hostname)) return undefined
    } catch (error) {
      this.#report(error)
      return errorAnswer(error)
    }
    return this.#answer(request)
  }

  /** Run the command. An error is an answer too. */
  async #answer({ method, arguments: given }: ControlRequest): Promise<unknown> {
    const { allowed } = this.#controlled
    const name = commandName(method)
    try {
      const command = COMMANDS.get(name) ?? (await this.#load()).get(name)
      if (!command) return { error: `KeyError(${pythonRepr(method)})` }
      if (allowed instanceof Set && !allowed.has(name))
        return { error: `PermissionError(${pythonRepr(`${name} is not among the commands that this worker obeys`)})` }
      return await command(given, this.#context)
    } catch (error) {
      return errorAnswer(error)
    }
  }

  /** The other commands. A failure to load them is not kept. */
  #load(): Promise<ReadonlyMap<string, Command>> {
    this.#others ??= import('./commands/table.ts').then(
      ({ COMMANDS: others }) => others,
      (error) => {
        this.#others = undefined
        throw error
      },
    )
    return this.#others
  }

  get #context(): CommandContext {
    const controlled = this.#controlled
    return {
      ...controlled,
      since: this.#since,
      stopping: this.#ended.signal,
      revoke: (ids, terminate) => revokeHere(ids, terminate, controlled),
    }
  }

  #report(error: unknown): void {
    this.#controlled.app.signals.emit('worker:error', { error, doing: 'obeying remote control' })
  }
}

/** An answer as it is written. What cannot be written is an error, for the asker too. */
function sendable(value: unknown, serializer: 'json' | 'msgpack'): unknown {
  try {
    return encodePlain(value, 'answer', serializer, 1, false)
  } catch (error) {
    return errorAnswer(error)
  }
}

/** Python's names of errors, where ours differ. */
const PYTHON_ERRORS: Readonly<Record<string, string>> = { ArgumentError: 'ValueError', RangeError: 'ValueError' }

/** An error as Python would print it. */
function errorAnswer(error: unknown): { readonly error: string } {
  const { name, message } = error instanceof Error ? error : new Error(String(error))
  return { error: `${Object.hasOwn(PYTHON_ERRORS, name) ? PYTHON_ERRORS[name] : name}(${pythonRepr(message)})` }
}

function revoke({ task_id, terminate }: Arguments, { revoke: revokeThese }: CommandContext): unknown {
  const ids = [...new Set(Array.isArray(task_id) ? task_id : [task_id])]
  if (!ids.every((id) => typeof id === 'string' && id.length <= MAX_ID_LENGTH) || ids.length > MAX_REVOKED)
    throw new TypeError(
      `revoke: expected task_id to be an id or a list of at most ${MAX_REVOKED} ids, of at most ${MAX_ID_LENGTH} characters each`,
    )
  const running = revokeThese(ids, isSet(terminate))
  if (!isSet(terminate)) return { ok: `tasks ${setRepr(ids)} flagged as revoked` }
  return terminated(running)
}

/** Returns which of them run here. */
function revokeHere(ids: readonly string[], terminate: boolean, controlled: Controlled): string[] {
  const { state, revokeGrace, app, retract } = controlled
  for (const id of ids) state.revoked.add(id)
  const running = state.runningOf(ids)
  for (const request of running) {
    request.abort('revoke')
    if (terminate) app.config.clock.after(revokeGrace, () => request.kill('revoke'), true)
  }
  for (const id of ids) if (state.postponed.queueOf(id) !== undefined) retract(id)
  return running.map(({ id }) => id)
}

/** As Python prints a set. */
function setRepr(ids: readonly string[]): string {
  return ids.length === 0 ? 'set()' : `{${ids.map((id) => pythonRepr(id)).join(', ')}}`
}
