import { availableParallelism, cpus, loadavg, totalmem } from 'node:os'

/** What the figures depend on and the program does not decide. */
export interface Machine {
  readonly node: string
  readonly sqlite: string
  readonly platform: string
  readonly cpu: string
  readonly cores: number
  readonly memoryGiB: number
  /** Runnable processes, averaged over the last minute before the start. */
  readonly load: number
}

export function machine(): Machine {
  return {
    node: process.versions.node,
    sqlite: process.versions.sqlite ?? 'unknown',
    platform: `${process.platform} ${process.arch}`,
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    load: Math.round((loadavg()[0] ?? 0) * 100) / 100,
  }
}

/** Others are computing on this machine: rates are too low, CPU time per task still holds. */
export function isBusy({ load, cores }: Machine): boolean {
  return load > 0.5 * cores
}
