import type { Envelope } from '../protocol/envelope.ts'

/*
 * The broker seam: messages. Everything Celery lives above it, everything store-specific below.
 * Each sentence of these docs is a case of `testing/suites/brokerSuite.ts`, which every broker passes.
 */

/** Where an envelope goes, in AMQP's words. Exchange '' is direct to the queue named by the routing key. */
export interface Route {
  readonly exchange: string
  readonly routingKey: string
}

/** What flows into a queue beside its own name: all of a fanout exchange (transient queues only), or what a direct one gets with this routing key. */
export interface Binding {
  readonly exchange: string
  readonly kind: 'fanout' | 'direct'
  /** Only of a direct one. */
  readonly routingKey?: string
}

/** A queue and what flows into it. Without bindings it is fed by its own name. */
export interface Queue {
  readonly name: string
  readonly bindings?: readonly Binding[]
  /** Lives as long as its consumer: replies, events, remote control. */
  readonly transient?: boolean
}

/** An envelope in our hands. Settle it once, by its own methods: they know the lease that brought it. */
export interface Delivery {
  readonly envelope: Envelope
  readonly queue: string
  /** By which it was sent; absent where that is its queue's own name, or is not known. */
  readonly route?: Route | undefined
  /** Somebody held it before us. */
  readonly redelivered: boolean
  /** How often its holder died or lost its lease. */
  readonly lost: number
  /** True where the store itself gave it up, because the time that its sender gave it was over, and passed it on to this queue. */
  readonly expired?: boolean
  /** Done: forget it. False when it was no longer ours (the lease had run out): then nothing was changed, and it runs elsewhere. */
  ack(): Promise<boolean>
  /** Not done: give it back to the queue (`requeue`), ahead of later ones, or drop it. False as for `ack`. */
  reject(options: { requeue: boolean }): Promise<boolean>
}

/** Deliveries as they come, until closed. Leases, wake-ups and reconnecting are its own affair. */
export interface Consumer extends AsyncIterable<Delivery> {
  /**
   * Hand out at most this many unsettled deliveries. May change at any time; 0 pauses. Where they are settled quickly, a few more may be
   * taken out of the queue ahead of their turn; what then gets no turn soon is given back.
   */
  prefetch(count: number): void
  /** Why nothing comes, when the store fails: undefined while it is healthy. For readiness. */
  readonly problem: Error | undefined
  /** Take no more and end the iteration. What is unsettled may still be settled; `release` ends the lease. */
  close(): Promise<void>
  /** After `close`: give back at once whatever is still unsettled. */
  release(): Promise<void>
}

/** How a consumer takes. */
export interface ConsumeOptions {
  /** Unsettled deliveries at a time. */
  readonly prefetch: number
  /** Shown to people: the worker's host name, as `celeriac@host`. */
  readonly name: string
}

/** When a message may be taken, and by whom. */
export interface PublishOptions {
  /** Not before this moment (ms since the epoch): kept in the store, not in anybody's memory. */
  readonly notBefore?: number | undefined
  /** The envelope says its time itself (Celery's eta), so whoever takes it keeps it until then: it may lie in the queue, where others expect it. */
  readonly selfTimed?: boolean | undefined
  /** It is for a transient queue: not kept where that is known to be gone. */
  readonly transient?: boolean | undefined
}

/** What a purge dropped. */
export interface Purged {
  readonly count: number
  /** Ids of the tasks, where the store can tell. */
  readonly taskIds: readonly string[]
}

/** What carries messages between processes. */
export interface Broker {
  /** For people to read: no password in it. */
  readonly url: string
  /** Which priority is served first. Celery's word on Redis is the lowest, everywhere else the highest. */
  readonly first: 'highest' | 'lowest'
  /** Which of a consumer's queues is next where several have messages. Absent: each in its turn. */
  readonly turns?: 'random'
  /** Hand in a message. Resolves when the store has it; those of one turn go in together. A route that leads nowhere is no error: exchange '' has any queue that is named, from others the message goes nowhere. */
  publish(envelope: Envelope, route: Route, options?: PublishOptions): Promise<void>
  /** Throws ArgumentError for what `publish` can never send, by its names or properties. Absent where it can send anything. */
  check?(envelope: Envelope, route: Route): void
  /** Start taking from queues, in order of priority, then of arrival; queues in turn. */
  consume(queues: readonly Queue[], options: ConsumeOptions): Promise<Consumer>
  /**
   * Take one waiting or delayed message by task id, out of turn; undefined when it is not waiting, or too far back to be looked for.
   * Only where the store can find it; `queue` is where it was sent, if that is known.
   */
  take?(taskId: string, queue?: string): Promise<Delivery | undefined>
  /** Messages that wait in the queue, without those held or delayed. Also tells that the store answers: rejects with StoreUnavailableError when it does not. */
  size(queue: string): Promise<number>
  /**
   * How many workers are connected that may take from the queue: 0 only where none is. A store that does not know which consumers take from
   * which queue counts the listeners of Celery's remote control. Only where it costs little.
   */
  workers?(queue: string): Promise<number>
  /** Drop what waits or is delayed in the queue; what is held stays. */
  purge(queue: string): Promise<Purged>
  close(): Promise<void>
}
