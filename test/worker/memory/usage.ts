import { threadId } from 'node:worker_threads'
import { treeMemory } from '../../../src/worker/pressure/treeMemory.ts'

/** What a process uses after its garbage was collected, and the heap of this thread, bytes. */
export interface Usage {
  /** `123/0`: process and thread. */
  readonly place: string
  readonly rss: number
  readonly heap: number
  /** With all processes below it. */
  readonly tree: number
}

/** Node needs `--expose-gc`. */
export function usage(): Usage {
  globalThis.gc?.()
  const { rss, heapUsed: heap } = process.memoryUsage()
  return { place: `${process.pid}/${threadId}`, rss, heap, tree: treeMemory() }
}
