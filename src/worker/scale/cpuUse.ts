import { readFileSync } from 'node:fs'
import { cpus } from 'node:os'

/** Of a clock tick in `/proc`, ms: 100 in a second on every Linux. */
const TICK_MS = 10

/** How the processors were used between two samples. */
export interface CpuSample {
  /** Share that was in use of all processors of the machine, or of what its control group may use: 0 to 1. */
  readonly cores: number
  /** How many processors the named processes used; undefined where that is not known, as outside Linux. */
  readonly own: number | undefined
}

interface Times {
  readonly busy: number
  readonly all: number
}

/** Samples the use of the processors, from one call to the next. */
export class CpuUse {
  readonly #group = ownGroup()
  #at = performance.now()
  #machine = machineTimes()
  #usage: number | undefined
  #times: ReadonlyMap<number, number> | undefined

  /** Since the last call. Processes that were not in that one are counted from the next on. */
  sample(pids: readonly number[]): CpuSample {
    const now = performance.now()
    const passed = Math.max(now - this.#at, 1)
    const machine = machineTimes()
    const all = machine.all - this.#machine.all
    const share = all === 0 ? 0 : (machine.busy - this.#machine.busy) / all
    const usage = groupUsage(this.#group)
    const quota = groupQuota(this.#group)
    const ofQuota = usage === undefined || quota === undefined ? 0 : (usage - (this.#usage ?? usage)) / (quota * passed)
    const times = timesOf(pids)
    const own = this.#ownSince(times)
    this.#at = now
    this.#machine = machine
    this.#usage = usage
    this.#times = times
    return { cores: Math.min(Math.max(share, ofQuota), 1), own: own === undefined ? undefined : own / passed }
  }

  /** ms */
  #ownSince(times: ReadonlyMap<number, number> | undefined): number | undefined {
    if (!times || !this.#times) return undefined
    let sum = 0
    for (const [pid, time] of times) sum += time - (this.#times.get(pid) ?? time)
    return sum
  }
}

function machineTimes(): Times {
  let busy = 0
  let all = 0
  for (const { times } of cpus()) {
    const used = times.user + times.nice + times.sys + times.irq
    busy += used
    all += used + times.idle
  }
  return { busy, all }
}

/** How long each has used a processor, ms; undefined where the system does not say. */
function timesOf(pids: readonly number[]): ReadonlyMap<number, number> | undefined {
  const times = new Map<number, number>()
  for (const pid of pids) {
    const time = processTime(textOf(`/proc/${pid}/stat`))
    if (time !== undefined) times.set(pid, time)
  }
  return times.size === 0 && pids.length > 0 ? undefined : times
}

/** From the text of `/proc/<pid>/stat`: the name, in brackets, may have any character in it. */
export function processTime(stat: string | undefined): number | undefined {
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ')
  // utime and stime, of all its threads.
  const ticks = Number(fields?.[11]) + Number(fields?.[12])
  return Number.isFinite(ticks) ? ticks * TICK_MS : undefined
}

/** Folder of the control group (version 2) of this process; it may not exist. */
function ownGroup(): string {
  return `/sys/fs/cgroup${/^0::(.*)$/m.exec(textOf('/proc/self/cgroup') ?? '')?.[1] ?? ''}`
}

/** How long it has used processors, ms. */
function groupUsage(group: string): number | undefined {
  const usage = /^usage_usec (\d+)$/m.exec(textOf(`${group}/cpu.stat`) ?? '')?.[1]
  return usage === undefined ? undefined : Number(usage) / 1000
}

/** How many processors it may use; undefined: all of them. */
function groupQuota(group: string): number | undefined {
  const [, quota, period] = /^(\d+) (\d+)$/m.exec(textOf(`${group}/cpu.max`) ?? '') ?? []
  return quota === undefined ? undefined : Number(quota) / Number(period)
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
