import type { ErrorInfo } from '../protocol/outcome.ts'

/** One task request, as signals tell of it. */
export interface TaskFacts {
  readonly id: string
  readonly task: string
  readonly queue: string
  /** Retries before this run. */
  readonly retries: number
}

/** What the program tells to whoever listens, by Celery's names where it has one. Times in ms. */
export interface Signals {
  /** On the sending side, before the message goes and after the store has it. */
  'task:before-publish': TaskFacts
  'task:after-publish': TaskFacts
  /** In the worker. */
  'task:received': TaskFacts
  'task:prerun': TaskFacts
  /** It ended, in whatever way; nothing is stored yet. */
  'task:postrun': TaskFacts & { readonly runtime: number }
  /** Stored and acknowledged. */
  'task:success': TaskFacts & { readonly result: unknown; readonly runtime: number }
  'task:failure': TaskFacts & { readonly error: ErrorInfo; readonly runtime: number }
  'task:retry': TaskFacts & { readonly error: ErrorInfo; readonly delay: number }
  'task:revoked': TaskFacts & { readonly reason: 'revoked' | 'expired' | 'terminated' }
  'task:rejected': TaskFacts & { readonly requeue: boolean; readonly reason: string }
  /** The message names a task that nobody registered here. */
  'task:unknown': TaskFacts
  /** The message cannot be read. */
  'task:undecodable': { readonly queue: string; readonly error: ErrorInfo }
  /** Its lease had run out: another worker has it, and what this one did was not stored. */
  'task:lost': TaskFacts
  /** Given back at shutdown. */
  'task:returned': TaskFacts
  /** In beat. `entries`: how many the schedule has; `store`: where it is kept, without password. */
  'beat:ready': { readonly entries: number; readonly store: string }
  /** A run of an entry was sent, `late` ms after its time; `again`: for a beat that had claimed it and did not come to that. */
  'beat:sent': {
    readonly entry: string
    readonly task: string
    readonly id: string
    readonly fire: Date
    readonly late: number
    readonly again: boolean
  }
  /** Runs of an entry were left out, as its options say. */
  'beat:skipped': { readonly entry: string; readonly reason: 'missed' | 'overlap' }
  /** Something failed; the schedule goes on. */
  'beat:error': { readonly error: unknown; readonly doing: string }
  'beat:shutdown': Readonly<Record<string, never>>
  'worker:ready': { readonly hostname: string }
  'worker:shutdown': { readonly hostname: string; readonly reason: string }
  /** Something that is nobody's call failed: the store is away, a listener threw. The program goes on. */
  'worker:error': { readonly error: unknown; readonly doing: string }
}
