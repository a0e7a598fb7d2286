import type { Inspection } from '../pool.ts'
import type { ChildData, FromChild, ToChild } from './messages.ts'

/** What a pool learns of one of its children. */
export interface ChildEvents {
  message(message: FromChild): void
  /** An error ends it that nothing caught. */
  uncaught(error: unknown): void
  /** It has ended, which comes last. `why`: `exit code 3`, `signal SIGSEGV`. */
  exit(why: string): void
}

/** One thread or process of a pool, seen from the pool. */
export interface ChildHost extends Inspection {
  /** Id of the process; undefined where it could not be started. */
  readonly pid: number | undefined
  /** Throws for a value that cannot cross. Without effect on a child that has ended. */
  send(message: ToChild): void
  /** End it by force, and what it started. Resolves when it has ended. */
  terminate(): Promise<void>
  /** It does not keep this process alive any more. */
  unref(): void
}

/** Threads, or processes: how a pool starts them, and what it calls them. */
export interface ChildKind {
  readonly pool: 'threads' | 'processes'
  /** For messages: `thread`, `process`. */
  readonly noun: string
  /** Of several: for messages. */
  readonly plural: string
  /** Start one. Throws ConfigError where its code is not found, as in a bundle. */
  start(data: ChildData, events: ChildEvents): ChildHost
}
