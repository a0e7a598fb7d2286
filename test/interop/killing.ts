import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import type { Redis } from 'ioredis'
import { within } from '../wait.ts'

/** Resolves when it is dead. */
export async function kill(worker: ChildProcess): Promise<void> {
  const ended = once(worker, 'exit')
  worker.kill('SIGKILL')
  await ended
}

/** A command, also one that a script sends, as the server reports it. */
export async function seen(monitor: Redis, wanted: RegExp): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const hear = (_time: string, args: string[]): void => {
    if (wanted.test(args.slice(0, 2).join(' '))) resolve()
  }
  monitor.on('monitor', hear)
  await within(() => `the server runs ${wanted}`, promise)
  monitor.off('monitor', hear)
}
