import type { SensitivePath } from '../protocol/repr.ts'
import type { LineLevel } from '../std/log.ts'
import type { ErrorClass, RetryPolicy } from './retryOptions.ts'
import type { ParsedBatch } from './task/batchOptions.ts'
import type { ParsedBreaker, ParsedConcurrency, ParsedFair, ParsedRateLimit } from './task/limitOptions.ts'
import type { LimitPlan } from './task/limitPlan.ts'
import type { OnceRules } from './task/onceOptions.ts'
import type { TaskExample, TaskPool, Upgrade } from './taskValues.ts'

/** A task's options, parsed once: times in ms, absent where the app's default holds. */
export interface ParsedTaskOptions extends OnceRules {
  readonly queue: string | undefined
  readonly priority: number | undefined
  readonly serializer: 'json' | 'msgpack' | undefined
  readonly retry: RetryPolicy
  readonly throws: readonly ErrorClass[]
  readonly timeLimit: number | undefined
  readonly softTimeLimit: number | undefined
  readonly expires: number | undefined
  readonly deadline: number | undefined
  readonly version: number
  readonly upgrade: Upgrade | undefined
  readonly ignoreResult: boolean | undefined
  /** ms; 0: for ever. */
  readonly resultExpires: number | undefined
  readonly acksLate: boolean
  readonly acksOnFailure: boolean
  /** Undefined: as the app's. */
  readonly deadLetter: boolean | undefined
  readonly acksOnTimeout: boolean
  readonly rejectOnWorkerLost: boolean
  readonly trackStarted: boolean | undefined
  readonly pool: TaskPool | undefined
  /** Of each worker: time between two runs, ms; or of all workers. */
  readonly rateLimit: number | ParsedRateLimit | undefined
  readonly concurrency: ParsedConcurrency | undefined
  /** How much of each shared limit. */
  readonly uses: ReadonlyMap<string, number> | undefined
  readonly fair: ParsedFair | undefined
  readonly breaker: ParsedBreaker | undefined
  /** What these limits are in the store; undefined where it has none there. */
  readonly limits: LimitPlan | undefined
  readonly batch: ParsedBatch | undefined
  /** Paths in its input; undefined where it has none. */
  readonly sensitive: readonly SensitivePath[] | undefined
  readonly exposeLogs: LineLevel | undefined
  readonly contentType: string | undefined
  readonly description: string | undefined
  readonly example: TaskExample | undefined
  /** In lower case. */
  readonly accepts: readonly string[]
}
