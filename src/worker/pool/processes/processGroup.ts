import { codeOf } from '../../../std/thrown.ts'

/**
 * Kill a process that leads a process group, and all processes that it started and that are in its group. Without
 * effect where none is left. On Windows, which has no groups, the process alone.
 */
export function killGroup(leader: number): void {
  try {
    process.kill(process.platform === 'win32' ? leader : -leader, 'SIGKILL')
  } catch (error) {
    if (codeOf(error) !== 'ESRCH') throw error
  }
}
