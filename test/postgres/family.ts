import { readFileSync } from 'node:fs'
import { eventually } from '../wait.ts'

/** Longest time that processes take to halt or to end after a signal, ms. */
const LIMIT = 30_000

/** Halt a process, so that it starts no more children, then these. */
export async function haltFamily(pid: number): Promise<void> {
  signal(pid, 'SIGSTOP')
  await eventually(
    async () => stateOf(pid),
    (state) => state === undefined || 'TtZX'.includes(state),
    LIMIT,
  )
  for (const child of childrenOf(pid)) signal(child, 'SIGSTOP')
}

/** Let a family that was halted go on. */
export function resumeFamily(pid: number): void {
  for (const one of [...childrenOf(pid), pid]) signal(one, 'SIGCONT')
}

/** End a process and its children at once. Resolves when none of them is left. */
export async function killFamily(pid: number): Promise<void> {
  await haltFamily(pid)
  const family = [...childrenOf(pid), pid]
  for (const one of family) signal(one, 'SIGKILL')
  await eventually(
    async () => family.filter((one) => !'ZX'.includes(stateOf(one) ?? 'X')),
    (left) => left.length === 0,
    LIMIT,
  )
}

function childrenOf(pid: number): number[] {
  return read(`/proc/${pid}/task/${pid}/children`).split(' ').filter(Boolean).map(Number)
}

/** `T`: halted; `Z`: ended, and its parent has not looked yet; undefined: there is none. */
function stateOf(pid: number): string | undefined {
  return /[)] (\w)/.exec(read(`/proc/${pid}/stat`))?.[1]
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
