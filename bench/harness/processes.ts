import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

/** What of `/proc/PID/stat` is used. */
interface Stat {
  readonly pid: number
  readonly parent: number
  readonly ticks: number
  /** Resident memory. */
  readonly pages: number
}

const setting = (name: string): number => Number(execFileSync('getconf', [name], { encoding: 'utf8' }))
/** Ticks of the clock in which processor time is counted, per second, and bytes of a page of memory. */
const TICKS = setting('CLK_TCK')
const PAGE = setting('PAGESIZE')
const MIB = 2 ** 20

/** Processor time of a process and all that descend from it, s. Linux only. */
export function cpuOf(pid: number): number {
  return family(pid).reduce((sum, { ticks }) => sum + ticks, 0) / TICKS
}

/** Resident memory of a process and all that descend from it, MiB; what they share is counted for each. Linux only. */
export function rssOf(pid: number): number {
  return (family(pid).reduce((sum, { pages }) => sum + pages, 0) * PAGE) / MIB
}

function family(pid: number): Stat[] {
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => statOf(Number(name)))
    .filter((stat) => stat !== undefined)
  const pids = new Set([pid])
  for (let known = 0; known < pids.size; ) {
    known = pids.size
    for (const stat of all) if (pids.has(stat.parent)) pids.add(stat.pid)
  }
  return all.filter((stat) => pids.has(stat.pid))
}

/** Undefined for a process that has just ended. */
function statOf(pid: number): Stat | undefined {
  try {
    // The name before it is in parentheses and may hold anything.
    const [, parent, ...rest] = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ')
    return {
      pid,
      parent: Number(parent),
      // Its own, and those of the children that it has waited for: what ends meanwhile is counted on.
      ticks: rest.slice(9, 13).reduce((sum, ticks) => sum + Number(ticks), 0),
      pages: Number(rest[19]),
    }
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined
    throw error
  }
}
