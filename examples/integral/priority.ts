import { existsSync, readlinkSync } from 'node:fs'
import { setPriority } from 'node:os'
import { isMainThread } from 'node:worker_threads'

/** As `nice -n 10`: gets what the others leave, which on an idle processor is all. */
const NICE = 10
/** Leads to `<process>/task/<thread>`. Linux alone gives each thread a priority of its own, and names it here. */
const OWN = '/proc/thread-self'

let lowered = false

/**
 * Let the thread that answers requests go first, from now on: this thread of the pool computes, and on a machine with
 * few cores they would else wait for each other. Does nothing in the main thread and where threads have no priorities.
 */
export function goBehind(): void {
  if (lowered || isMainThread || !existsSync(OWN)) return
  lowered = true
  setPriority(Number(readlinkSync(OWN).split('/').at(-1)), NICE)
}
