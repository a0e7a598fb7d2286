import { readFileSync } from 'node:fs'

/** What the store holds must be what was done: `what` are messages or results. Undefined: the side keeps none. */
export function requireCount(side: string, what: string, expected: number, actual: number | undefined): void {
  if (actual === undefined || actual === expected) return
  throw new Error(`${side}: expected ${expected} ${what} in the store, got ${actual}`)
}

/** Every task below `tasks` has run once, and no other. `file` is the worker's ledger: a byte for each task. */
export function requireOnce(side: string, file: string, tasks: number): void {
  const runs = readFileSync(file)
  let lost = 0
  let repeated = 0
  let others = 0
  for (const [task, times] of runs.entries()) {
    if (task >= tasks) others += times
    else if (times === 0) lost++
    else if (times > 1) repeated++
  }
  lost += Math.max(0, tasks - runs.length)
  if (lost + repeated + others === 0) return
  throw new Error(
    `${side}: expected each of ${tasks} tasks to run once, got ${lost} that never ran, ${repeated} that ran more than once, ${others} runs of others`,
  )
}
