import { readlinkSync } from 'node:fs'
import { hostname } from 'node:os'
import { uuid } from '../std/id.ts'

/** The name of a recorder as a holder of the lease: machine, process, and what is unique. */
export function newHolder(): string {
  return `${hostname()} ${process.pid} ${processSpace()}-${uuid().slice(-12)}`
}

/**
 * True where the process of a holder was on this machine, and is there no more. A process of another container cannot
 * be seen from here: it counts as alive until its lease ends.
 */
export function isGone(holder: string): boolean {
  const [host = '', pid = '', unique = ''] = holder.split(' ')
  if (host !== hostname() || !unique.startsWith(`${processSpace()}-`)) return false
  try {
    process.kill(Number(pid), 0)
    return false
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH'
  }
}

/** Within which the number of a process is unique, as a container. */
function processSpace(): string {
  if (process.platform !== 'linux') return '0'
  return readlinkSync('/proc/self/ns/pid').replaceAll(/\D/g, '')
}
