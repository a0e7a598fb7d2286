import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

/** What of `/proc/PID/stat` is used. */
interface Stat {
  readonly pid: number
  readonly parent: number
  readonly ticks: number
}

/** Ticks of the clock in which processor time is counted, per second. */
const TICKS = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))

/** Processor time of a process and all that descend from it, s. Linux only. */
export function cpuOf(pid: number): number {
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => statOf(Number(name)))
  const family = new Set([pid])
  for (let known = 0; known < family.size; ) {
    known = family.size
    for (const stat of all) if (stat && family.has(stat.parent)) family.add(stat.pid)
  }
  return all.reduce((sum, stat) => sum + (stat && family.has(stat.pid) ? stat.ticks : 0), 0) / TICKS
}

/** Undefined for a process that has just ended. */
function statOf(pid: number): Stat | undefined {
  try {
    // The name before it is in parentheses and may hold anything.
    const [, parent, ...rest] = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ')
    return { pid, parent: Number(parent), ticks: Number(rest[9]) + Number(rest[10]) }
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined
    throw error
  }
}
