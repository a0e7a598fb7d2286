import type { BreakerChange } from '../broker/limits.ts'
import type { ErrorInfo } from '../protocol/outcome.ts'
import type { Concealed } from '../protocol/repr.ts'
import type { RequestContext } from '../request/requestContext.ts'

/** One task request, as signals describe it. */
export interface TaskFacts {
  readonly id: string
  readonly task: string
  readonly queue: string
  /** Retries before this run. */
  readonly retries: number
  /** Host name of the worker; absent on the sending side. */
  readonly hostname?: string | undefined
  /** The request in which it was called; absent where there was none. */
  readonly request?: RequestContext | undefined
  /**
   * What a log must not show of what the task was given, has made or has thrown: all of it (there is a codec), or what
   * is at these paths (`sensitive`). Absent on the sending side, and where all may be shown.
   */
  readonly concealed?: Concealed | undefined
}

/** The events of the program, for its listeners, by Celery's names where it has one. Times in ms. */
export interface Signals {
  /** On the sending side, before the message goes and after the store has it. */
  'task:before-publish': TaskFacts
  'task:after-publish': TaskFacts
  /** In the worker. */
  /** `lost`: how many workers that held it were lost, as far as its store counts them. */
  'task:received': TaskFacts & { readonly lost?: number }
  /** `waited`: how long it had been due, ms; undefined where its id does not say when it was made. */
  'task:prerun': TaskFacts & { readonly waited?: number | undefined }
  /** Its thread or process has died, or was ended by force without an order. */
  'task:child-lost': TaskFacts
  /** It ended, in any way; nothing is stored yet. */
  'task:postrun': TaskFacts & { readonly runtime: number }
  /** Stored and acknowledged. */
  'task:success': TaskFacts & { readonly result: unknown; readonly runtime: number }
  /** `expected`: the error is one that the task declares (`throws`). */
  'task:failure': TaskFacts & { readonly error: ErrorInfo; readonly runtime: number; readonly expected?: boolean }
  'task:retry': TaskFacts & { readonly error: ErrorInfo; readonly delay: number }
  /** It has asked to run again after this time. */
  'task:snoozed': TaskFacts & { readonly delay: number }
  'task:revoked': TaskFacts & { readonly reason: 'revoked' | 'expired' | 'terminated' }
  'task:rejected': TaskFacts & { readonly requeue: boolean; readonly reason: string }
  /**
   * The message names a task that is not registered here; or a version of it that is newer than the one here, which is
   * then `version`. It has waited for another worker as long as it may.
   */
  'task:unknown': TaskFacts & { readonly version?: number }
  /** It cannot run here, and waits for another worker. Once for each message. */
  'task:postponed': TaskFacts & { readonly reason: string }
  /** In the worker whose run did it: a breaker has opened or closed. `until`: ms since the epoch. */
  'limit:breaker': BreakerChange & { readonly hostname: string }
  /** The message cannot be read. */
  'task:undecodable': { readonly queue: string; readonly error: ErrorInfo }
  /** Its lease had expired: another worker has it, and the result of this one was not stored. */
  'task:lost': TaskFacts
  /** Released at shutdown. */
  'task:returned': TaskFacts
  /** In beat. `entries`: how many the schedule has; `store`: where it is kept, without password. */
  'beat:ready': { readonly entries: number; readonly store: string }
  /**
   * A run of an entry was sent, `late` ms after its time; `again`: for a beat that had claimed it and did not send it.
   */
  'beat:sent': {
    readonly entry: string
    readonly task: string
    readonly id: string
    readonly fire: Date
    readonly late: number
    readonly again: boolean
  }
  /** Runs of an entry were left out, by its options. */
  'beat:skipped': { readonly entry: string; readonly reason: 'missed' | 'overlap' }
  /** Something failed; the schedule goes on. */
  'beat:error': { readonly error: unknown; readonly doing: string }
  'beat:shutdown': Readonly<Record<string, never>>
  /** The body of a chord was sent by this worker, or its failure was stored. `id`: that of its result. */
  'chord:success': { readonly group: string; readonly id: string }
  /** `concealed`: as of `TaskFacts`. */
  'chord:failure': {
    readonly group: string
    readonly id: string
    readonly error: ErrorInfo
    readonly concealed?: Concealed | undefined
  }
  'worker:ready': { readonly hostname: string }
  /**
   * The event loop was busy for `time` ms at a stretch, so that no other task of the worker went on. `tasks`: how many
   * runs of which tasks have begun in it, or, where not `certain`, may have gone on in it; none where it was something
   * else. `id`: of the one run that it can have been.
   */
  'worker:blocked': {
    readonly hostname: string
    readonly time: number
    readonly tasks: Readonly<Record<string, number>>
    readonly certain: boolean
    readonly id: string | undefined
  }
  /**
   * A limit of the worker is exceeded, and it takes one task at a time: reported at once, and again each minute. Or it
   * is not any more. `value` and `max`: bytes of memory, or the share of the time that the event loop is busy. `time`:
   * since it was exceeded. `reason`: for people.
   */
  'worker:pressure': {
    readonly hostname: string
    readonly limit: 'memory' | 'event-loop'
    readonly isExceeded: boolean
    readonly value: number
    readonly max: number
    readonly time: number
    readonly reason: string
  }
  /** Its own pool is to run `size` tasks at once, and was to run `before`. `pool`: its kind. */
  'worker:scaled': {
    readonly hostname: string
    readonly pool: string
    readonly before: number
    readonly size: number
  }
  'worker:shutdown': { readonly hostname: string; readonly reason: string }
  /** A failure that no call reports: the store is unavailable, a listener threw. The program continues. */
  'worker:error': { readonly error: unknown; readonly doing: string }
}
