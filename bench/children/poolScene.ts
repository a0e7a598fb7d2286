/** What the module of a pool is given by the variable BENCH_POOL, which threads and processes see too. */
export interface Scene {
  readonly url: string
  readonly backend: string
  readonly root: string
  /** '' for a process that runs nothing. */
  readonly ledger: string
}

/** Behind the name of the ledger: the numbers of the tasks that have begun, 4 bytes each. */
export const RUNS_FILE = '.runs'

/** What a side of pools is asked for, beside its order. */
export interface PoolOrder {
  /** Of celeriac; Celery has its prefork. */
  readonly pool?: 'threads' | 'processes'
  readonly slots: number
  /** Of each task: ms of processor time, and ms without any. */
  readonly cpu?: number
  readonly wait?: number
  /** Number of the first task that is asked for. */
  readonly first?: number
  /** Tasks of a child before another takes its place. */
  readonly recycle?: number
}
