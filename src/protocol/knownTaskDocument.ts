/** A task that the server exposes, that a worker has registered, or that was recorded. */
export interface KnownTaskDocument {
  readonly name: string
  /** The API has it, with its schema. */
  readonly exposed?: true
  /** Jobs of it were recorded. */
  readonly recorded?: true
  /** Names of the workers that answered that they have it, ours and Celery's. */
  readonly workers: readonly string[]
}

/** By name. */
export interface KnownTaskListDocument {
  readonly tasks: readonly KnownTaskDocument[]
}
