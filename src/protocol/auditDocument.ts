/** A change through the HTTP API, or one that was refused, as the API shows it. */
export interface AuditEntryDocument {
  /** ISO 8601. */
  readonly at: string
  /** Id of the identity; `-` where none was sent, or the API is open. */
  readonly who: string
  /** Address of the client, as the server saw it. */
  readonly address?: string
  /** As `queue.purge`. */
  readonly action: string
  /** As `queue mail`. */
  readonly target: string
  /** HTTP status of the answer. */
  readonly status: number
  /** `query`: parameters; `problem`: type of the problem; and facts of the action, as `purged`. */
  readonly details?: Readonly<Record<string, unknown>>
}

/** A page of them, the newest first. */
export interface AuditPageDocument {
  readonly entries: readonly AuditEntryDocument[]
  /** There may be more. */
  readonly cursor?: string
}
