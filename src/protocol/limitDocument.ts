/** A limit, as the HTTP API describes it. */
export interface LimitDocument {
  /** As `task:mail.send`, `queue:slow`, `github`. */
  readonly rule: string
  /** Empty: it has no keys. */
  readonly key: string
  /** What it is of: with `name`, what a pause is asked for. */
  readonly kind: 'queue' | 'task' | 'limit'
  readonly name: string
  /** How much of it is held by tasks that workers have taken, and of how much. */
  readonly held: number
  readonly concurrency?: number
  /** As `100/m`. */
  readonly rate?: string
  readonly burst?: number
  /** Messages that wait and need it, as far as they are counted. */
  readonly waiting: number
  readonly paused: boolean
  /** ISO 8601: nothing begins until then. */
  readonly until?: string
  readonly breaker?: 'closed' | 'open' | 'half-open'
}

/** A page of limits. */
export interface LimitPage {
  readonly limits: readonly LimitDocument[]
  /** Where the next page begins; absent at the end. */
  readonly cursor?: string
}
