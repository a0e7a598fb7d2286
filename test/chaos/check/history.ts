/* What happened in a run, as its processes noted it. All moments are ms since the epoch. */

/** A call of a client. */
export interface SubmissionNote {
  readonly id: string
  readonly queue: string
  readonly attempted: number
  /** When the call resolved; absent: it rejected, or its client died first, so it may be stored or not. */
  readonly acknowledged?: number
  /** Id of the body, of a member of a chord: sent by the same call. */
  readonly body?: string
  /** The key of its limits; absent: it has none. */
  readonly key?: string
  /** Its result could be read by its caller alone, who did not wait for it, or died. */
  readonly unread?: boolean
}

/** One run of a task, by the ledger that tasks write. */
export interface Effect {
  readonly id: string
  readonly process: string
  readonly begin: number
  /** Absent: its end was not written. */
  readonly end?: number
}

/** A worker held a message, by its own journal. */
export interface Hold {
  readonly id: string
  readonly process: string
  readonly from: number
  /** When the worker knew that it was settled or returned. */
  readonly to?: number
  /** It was settled too late: the message was not its own any more. */
  readonly late?: boolean
}

/** A final outcome, as a reader saw it. */
export interface Read {
  readonly id: string
  readonly at: number
  /** State and result. */
  readonly outcome: string
}

/** A time in which these workers may have lost what they held: they were killed, frozen or cut off from their store. */
export interface Loss {
  readonly cause: string
  readonly processes: readonly string[]
  readonly from: number
  readonly to: number
  /** New connections were lost, too: whatever a worker took then, it may have lost, as often as it took it. */
  readonly each?: true
}

export interface History {
  readonly submissions: readonly SubmissionNote[]
  readonly effects: readonly Effect[]
  readonly holds: readonly Hold[]
  /** In the order of their times. */
  readonly reads: readonly Read[]
  readonly losses: readonly Loss[]
  /** Times of faults of any kind: the order of what waited then is not promised. */
  readonly disturbances: readonly { readonly from: number; readonly to: number }[]
  /** Tasks at once, by worker, and when the worker ended if it has. */
  readonly workers: Readonly<Record<string, { readonly concurrency: number; readonly endedAt?: number }>>
  /** Of each key of the tasks with limits: runs at once; ms between two, and how many at once after a pause. */
  readonly limit?: { readonly concurrency: number; readonly interval: number; readonly burst: number }
  /** Queues of one worker that runs one task at a time: their tasks begin in the order of their calls. */
  readonly ordered: readonly string[]
}
