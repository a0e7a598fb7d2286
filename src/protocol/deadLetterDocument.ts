/**
 * Why a message was given up. `failed`: its task failed, and its retries are used up; `rejected`: its task rejected it;
 * `undecodable`: it cannot be read; `unknown`: no worker knows its task; `lost`: its workers, or their children, ended
 * with it too often; `refused`: what follows from its task cannot be sent or stored.
 */
export const DEATH_REASONS = ['failed', 'rejected', 'undecodable', 'unknown', 'lost', 'refused'] as const

/** One of them. */
export type DeathReason = (typeof DEATH_REASONS)[number]

/** One time that a worker gave up a message, over HTTP. */
export interface DeathDocument {
  readonly reason: DeathReason
  readonly error: { readonly type: string; readonly message: string }
  /** ISO 8601. */
  readonly diedAt: string
  /** Host name of the worker. */
  readonly worker: string
}

/** A message that a worker has given up, over HTTP. */
export interface DeadLetterDocument extends DeathDocument {
  readonly id: string
  readonly task?: string
  readonly queue: string
  readonly retries?: number
  readonly lost: number
  /** Deaths before this one, the newest last. */
  readonly deaths: readonly DeathDocument[]
  readonly owner?: string
  readonly tags: readonly string[]
  /** Size of the body of its message. */
  readonly bytes: number
}

/** The same with what its message holds. */
export interface DeadLetterContentDocument extends DeadLetterDocument {
  readonly args?: readonly unknown[]
  readonly kwargs?: Readonly<Record<string, unknown>>
  /** Why its message cannot be read; then with the beginning of its body. */
  readonly problem?: string
  readonly body?: string
}

/** A page of dead letters, over HTTP. */
export interface DeadLetterPageDocument {
  readonly letters: readonly DeadLetterDocument[]
  /** There may be more. */
  readonly cursor?: string
}

/** What was sent again, or would be, over HTTP. */
export interface RedrivenDocument {
  readonly ids: readonly string[]
  readonly succeeded: readonly string[]
  readonly gone: readonly string[]
}
