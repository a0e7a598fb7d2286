/** A queue of a fleet, as the HTTP API shows it. What the store does not know is absent. */
export interface QueueDocument {
  readonly name: string
  /** Messages that may be taken now. */
  readonly waiting: number
  /** Since when the oldest of them could have run, ISO 8601, and how long ago that is, seconds. */
  readonly oldest?: string
  readonly oldestAge?: number
  /** Workers that said that they take from it. */
  readonly workers: readonly string[]
  /** Consumers that the store counts; on Redis and in a file these are all workers, whatever they take from. */
  readonly consumers?: number
  /** Nothing is taken from it until it is resumed. Absent where the store keeps no pauses. */
  readonly paused?: boolean
  /** The app has it among its options, or sends a task to it. */
  readonly declared: boolean
  /** Messages that may wait at most, where the app says so. */
  readonly limit?: number
  /** At least 80 % of them wait. */
  readonly nearlyFull?: boolean
}

/** The queues of a fleet. */
export interface QueueListDocument {
  readonly queues: readonly QueueDocument[]
  /** Of all queues of the store: messages that wait for their time, and those that workers hold. */
  readonly delayed?: number
  readonly held?: number
}

/** A message that waits in a queue. */
export interface QueueMessageDocument {
  readonly id?: string
  readonly task?: string
  /** Texts of the arguments, as the sender made them. */
  readonly argsrepr?: string
  readonly kwargsrepr?: string
  readonly retries?: number
  readonly priority: number
  /** ISO 8601, as the message has it. */
  readonly eta?: string
  readonly expires?: string
  /** `pid@host` of the program that sent it. */
  readonly origin?: string
  /** Since when it could have run, ISO 8601, and how long ago that is, seconds. */
  readonly since?: string
  readonly age?: number
  /** Size of its body. */
  readonly bytes: number
  readonly contentType: string
  /** For admins, where it was asked for. */
  readonly content?: {
    readonly headers: Readonly<Record<string, unknown>>
    readonly args?: readonly unknown[]
    readonly kwargs?: Readonly<Record<string, unknown>>
    /** Why it cannot be read. */
    readonly problem?: string
  }
}

/** The messages of a queue that are served next. */
export interface QueueMessagesDocument {
  readonly messages: readonly QueueMessageDocument[]
}

/** What a purge dropped, or would drop. */
export interface PurgedQueueDocument {
  readonly count: number
  /** Nothing was dropped; only what waits is counted, without what is delayed. */
  readonly dryRun?: true
}
