import type { Envelope } from '../protocol/envelope.ts'
import type { MessageEdit } from '../protocol/messageEdit.ts'
import { namePart } from '../std/id.ts'
import type { Backlog } from './backlog.ts'
import type { LimitStore } from './limits.ts'
import type { QueueOptions } from './queueOptions.ts'

/*
 * The broker seam: messages. Celery's protocol is above it, all that is specific to a store below.
 * Each sentence of these docs is a case of `testing/suites/brokerSuite.ts`, which every broker passes.
 */

/**
 * How an exchange chooses among its queues: those with the routing key of the message, those whose pattern fits it, or
 * all.
 */
export type ExchangeKind = 'direct' | 'topic' | 'fanout'

/** Where an envelope goes, in AMQP's terms. Exchange '' leads directly to the queue that the routing key names. */
export interface Route {
  readonly exchange: string
  readonly routingKey: string
  /** Of a named exchange, where the sender knows it. */
  readonly kind?: ExchangeKind
  /** Queues to make and bind before the message is sent to a named exchange. */
  readonly queues?: readonly Queue[]
}

/**
 * What a queue receives besides messages to its own name: all of a fanout exchange, what a direct exchange gets with
 * this routing key, or what a topic exchange gets with a routing key that fits this pattern: words between dots, `*`
 * for one word, `#` for any number of them.
 */
export interface Binding {
  readonly exchange: string
  readonly kind: ExchangeKind
  /** Not of a fanout exchange. */
  readonly routingKey?: string
}

/** A queue and its bindings. Without bindings it receives messages by its own name. */
export interface Queue {
  readonly name: string
  readonly bindings?: readonly Binding[]
  /** Exists as long as its consumer: for replies, events, remote control. */
  readonly transient?: boolean
  /** Of its consumer's messages its share is this part of the weights of all queues with messages. Default: 1. */
  readonly weight?: number | undefined
}

/**
 * An envelope that this consumer holds. Settle it once, by its own methods: they know the lease under which it was
 * claimed.
 */
export interface Delivery {
  readonly envelope: Envelope
  readonly queue: string
  /** The route by which it was sent; absent where that is its queue's own name, or is not known. */
  readonly route?: Route | undefined
  /** It was held before. */
  readonly redelivered: boolean
  /** How often its holder died or lost its lease. */
  readonly lost: number
  /** It was taken under the limits that its header names (protocol/limits.ts). */
  readonly limited?: boolean
  /**
   * True where the store itself gave it up, because the time that its sender set was over, and moved it to this queue.
   */
  readonly expired?: boolean
  /** True as soon as it is known here that it is no longer ours. Absent where only a settlement shows that. */
  readonly gone?: boolean
  /**
   * Done: forget it. False when it was no longer ours (the lease had expired): then nothing was changed, and it runs
   * elsewhere.
   */
  ack(): Promise<boolean>
  /** Not done: return it to the queue (`requeue`), ahead of later ones, or drop it. False as for `ack`. */
  reject(options: { requeue: boolean }): Promise<boolean>
}

/** Deliveries in their order, until closed. The consumer itself keeps its leases, waits for messages and reconnects. */
export interface Consumer extends AsyncIterable<Delivery> {
  /**
   * Deliver at most this many unsettled messages. May change at any time; 0 pauses. Where they are settled quickly, a
   * few more may be taken out of the queue ahead of their turn; those that get no turn soon are released.
   */
  prefetch(count: number): void
  /** What it holds ahead of its turn: not delivered yet, and perhaps never. Absent where it takes nothing ahead. */
  readonly ahead?: readonly Delivery[]
  /** Why nothing is delivered, when the store fails: undefined while it is healthy. For readiness. */
  readonly problem: Error | undefined
  /** Take no more and end the iteration. Unsettled deliveries may still be settled; `release` ends the lease. */
  close(): Promise<void>
  /** After `close`: release at once all deliveries that are still unsettled. */
  release(): Promise<void>
}

/** How a consumer takes messages. */
export interface ConsumeOptions {
  /** Unsettled deliveries at a time. */
  readonly prefetch: number
  /**
   * How many messages for each of these may be taken ahead of their turn, where they are settled quickly; 0: none.
   * Default: `DEFAULT_AHEAD`.
   */
  readonly ahead?: number | undefined
  /** Shown to people: the worker's host name, as `celeriac@host`. */
  readonly name: string
}

/** Messages that may be taken ahead for each slot, unless the consumer says otherwise. */
export const DEFAULT_AHEAD = 4

/** When a message may be taken, and by whom. */
export interface PublishOptions {
  /** Not before this moment (ms since the epoch): kept in the store, not in a process's memory. */
  readonly notBefore?: number | undefined
  /**
   * The envelope itself contains its time (Celery's eta), so its consumer keeps it until then: it may lie in the queue,
   * where other clients expect it.
   */
  readonly selfTimed?: boolean | undefined
  /** It is for a transient queue: not kept if that queue is known to be gone. */
  readonly transient?: boolean | undefined
}

/** What a purge dropped. */
export interface Purged {
  readonly count: number
  /** Ids of the tasks, where the store knows them. */
  readonly taskIds: readonly string[]
  /**
   * Messages that may be parts of chords (`mayBePart`), of those that the store reads anyway, at most
   * `MAX_PURGED_PARTS`. On Redis those of groups alone.
   */
  readonly parts: readonly Envelope[]
}

/** How many messages of members of chords a purge keeps in memory. */
export const MAX_PURGED_PARTS = 10_000

/** Where the message of a task is, at one moment. */
export interface FoundMessage {
  readonly envelope: Envelope
  readonly queue: string
  /** `waiting`: it may be taken now; `delayed`: not before `due`; `held`: a consumer has it, and has not settled it. */
  readonly place: 'waiting' | 'delayed' | 'held'
  /** ms since the epoch. */
  readonly due?: number
  /** How often its holder died or lost its lease. */
  readonly lost: number
  /** Name of the consumer that holds it, where the store keeps that. */
  readonly holder?: string | undefined
  /** When the lease of its holder ends, ms since the epoch by the store's clock: in the past, nothing renews it. */
  readonly leaseEnds?: number | undefined
}

/** What a message that waits becomes. */
export interface ChangedMessage extends MessageEdit {
  /** The queue that it waits in from now on. Absent: it stays. */
  readonly queue?: string
  /** Not before this moment, ms since the epoch; a moment that has passed: it may be taken now. Absent: as it was. */
  readonly notBefore?: number
}

/**
 * Decides what a message becomes, from what it is in this moment; undefined: it stays as it is. Called again where it
 * has changed meanwhile. What it throws rejects the call, and nothing is changed.
 */
export type MessageChange = (found: FoundMessage) => ChangedMessage | undefined

/** Bytes of messages, as a store keeps them. */
export interface MessageBytes {
  /** Of all that wait in the queue, as `Broker.size` counts them. Rejects as `size`. */
  waiting(queue: string): Promise<number>
  /** What this message takes once it waits, or a little more. */
  of(envelope: Envelope): number
}

/** Transports messages between processes. */
export interface Broker {
  /** For people to read: no password in it. */
  readonly url: string
  /** For people, in a worker's banner: how this URL is used where that is not the usual way. */
  readonly note?: string
  /** Which priority is served first: for Celery the lowest on Redis, the highest everywhere else. */
  readonly first: 'highest' | 'lowest'
  /**
   * Which of a consumer's queues is served next where several have messages. Absent: each in turn, by their weights;
   * `random`: any, whatever their weights are.
   */
  readonly turns?: 'random'
  /**
   * Celery's own programs use this store, too, so its workers send heartbeats unasked. Absent: only those of celeriac.
   */
  readonly sharedWithCelery?: true
  /**
   * Publish a message. Resolves when the store has it; those of one turn of the event loop are written together. A
   * route that leads nowhere is no error: exchange '' has every queue that is named, any other exchange drops the
   * message.
   */
  publish(envelope: Envelope, route: Route, options?: PublishOptions): Promise<void>
  /**
   * Throws ArgumentError for a message that `publish` can never send, by its names or properties. Absent where it can
   * send anything.
   */
  check?(envelope: Envelope, route: Route): void
  /** Start to take from queues, by priority, then by arrival; the queues in turn, by their weights. */
  consume(queues: readonly Queue[], options: ConsumeOptions): Promise<Consumer>
  /**
   * Take one waiting or delayed message by task id, out of turn; undefined when it is not waiting, or too far back in
   * its queue to be searched for. Only where the store can find it; `queue` is where it was sent, if that is known.
   */
  take?(taskId: string, queue?: string): Promise<Delivery | undefined>
  /**
   * Task ids of the messages that have waited in the queue for the longest time, at most `count`, of the priority that
   * is served last; those of its lanes where no other waits. Changes nothing. Only where there is `take`.
   */
  oldest?(queue: string, count: number): Promise<readonly string[]>
  /**
   * Take the messages of tasks that have waited in the queue for the longest time, at most `count`; other messages
   * stay. Only where there is no `oldest`: in a store that gives each message to the next one that takes. Rejects with
   * ConfigError where the queue is served by priority, where it has arguments that are not those of its options, and
   * where this user may not read it.
   */
  takeOldest?(queue: string, count: number): Promise<readonly Delivery[]>
  /**
   * The messages that wait in the queue, in the order in which they are served, at most `count`: those of the queue
   * itself, then those of its lanes, one lane after the other. Changes nothing. Absent where the store shows a message
   * only to a consumer.
   */
  peek?(queue: string, count: number): Promise<readonly Envelope[]>
  /** Which messages `find` and `change` know. Absent: all; `limited`: those that wait in lanes, or did. */
  readonly finds?: 'limited'
  /**
   * Where the message of a task is, in `queue`, delayed or held; undefined where it is not found, or too far back.
   * Changes nothing. Only where the store can find it.
   */
  find?(taskId: string, queue: string): Promise<FoundMessage | undefined>
  /**
   * Change the message of a task while it waits, or is delayed: in one write, so that a consumer takes it as it was
   * before or as it is after, once. False where it does not wait in `queue` and is not delayed: then nothing is
   * written. In its queue it keeps its turn, unless its priority changes; one that was delayed is the next of its
   * priority.
   */
  change?(taskId: string, queue: string, change: MessageChange): Promise<boolean>
  /**
   * Count of the messages that wait in the queue, without those held or delayed. Also a check of the store: rejects
   * with StoreUnavailableError when it does not answer.
   */
  size(queue: string): Promise<number>
  /** Absent where the store does not say how many bytes wait in a queue. */
  readonly bytes?: MessageBytes
  /**
   * What lies in these queues, and in the store, as far as that costs little, however much lies there: for metrics. A
   * queue that did not exist may be counted as empty for a minute after another process has made it. Rejects as `size`.
   */
  backlog(queues: readonly string[]): Promise<Backlog>
  /**
   * How many workers are connected that may take from the queue: 0 only where there is none. A store that does not know
   * which consumers take from which queue counts the listeners of Celery's remote control. Only where it costs little.
   */
  workers?(queue: string): Promise<number>
  /** Drop the waiting and delayed messages of the queue; held ones stay. */
  purge(queue: string): Promise<Purged>
  /**
   * Limits of what is taken. Present, each message whose header names limits (protocol/limits.ts) waits in a lane of
   * its queue: it counts as a message of the queue, and is found, changed, purged and taken by its queue and task id as
   * any other. Lanes of a queue, and the messages of the queue that have no limits, are served in turns; within a lane
   * by priority, then by arrival. Absent: the store keeps no limits, and the header means nothing to it.
   */
  readonly limits?: LimitStore
  close(): Promise<void>
}

/** Exchange of the queues of single workers. */
const WORKER_DIRECT_EXCHANGE = 'C.dq2'
/** What their names end with, after the name of the worker. */
const WORKER_DIRECT_SUFFIX = '.dq2'

/**
 * The queue of one worker alone, as `celery@host` or `celeriac@host`, which it has with the option `workerDirect`
 * (Celery's `worker_direct`): `add.applyAsync([1, 2], { queue: workerDirect('celery@host') })`.
 */
export function workerDirect(hostname: string): string {
  return `${hostname}${WORKER_DIRECT_SUFFIX}`
}

/** How a queue with these options is bound to its exchange: by default to one of its own name. */
export function bindingOf(queue: string, { exchange, routingKey }: QueueOptions = {}): Binding {
  if (exchange) {
    const { name, type = 'direct' } = exchange
    return type === 'fanout'
      ? { exchange: name, kind: type }
      : { exchange: name, kind: type, routingKey: routingKey ?? queue }
  }
  const hostname = queue.endsWith(WORKER_DIRECT_SUFFIX) ? queue.slice(0, -WORKER_DIRECT_SUFFIX.length) : undefined
  return hostname
    ? { exchange: WORKER_DIRECT_EXCHANGE, kind: 'direct', routingKey: hostname }
    : { exchange: queue, kind: 'direct', routingKey: queue }
}

/** The exchange of a queue that each worker has for itself. */
export function broadcastExchange(queue: string): { readonly name: string; readonly kind: ExchangeKind } {
  return { name: queue, kind: 'fanout' }
}

/** The queue that a consumer of this name takes from; `id`: of its own, where each has one. */
export function queueToConsume(name: string, options: QueueOptions | undefined, id: () => string): Queue {
  if (options?.broadcast) {
    const { name: exchange, kind } = broadcastExchange(name)
    return { name: `bcast.${id()}`, bindings: [{ exchange, kind }], transient: true }
  }
  const isNamed = options?.exchange !== undefined || name.endsWith(WORKER_DIRECT_SUFFIX)
  return isNamed ? { name, bindings: [bindingOf(name, options)] } : { name }
}

/** Longest name before `.dead`, bytes: RabbitMQ's queues have at most 255. */
const MAX_NAME_BYTES = 250

/** The queue beside a queue that keeps what could not be run, with the reason in its headers. */
export function deadLetterQueue(queue: string): string {
  return `${namePart(queue, MAX_NAME_BYTES)}.dead`
}
