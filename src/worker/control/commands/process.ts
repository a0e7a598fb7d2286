import { readRevoked, revokedData } from '../../../protocol/control.ts'
import { version } from '../../../std/version.ts'
import { NOT_READY } from '../../health.ts'
import type { Arguments, Command, CommandContext } from '../controlled.ts'

/** The worker as a process, and what workers ask of each other. */
export const PROCESS_COMMANDS: Readonly<Record<string, Command>> = {
  about,
  clock: (_, { app }) => ({ clock: app.logicalClock.value }),
  hello,
  memsample: memory,
  // Without samples from before, as Celery's answers where psutil is missing.
  memdump: () => `- rss: ${memory()}\n`,
  objgraph: () => ({ error: "objgraph: of Python's workers alone: use Node's heap snapshots" }),
  shutdown: (_, { worker }) => {
    // Not awaited: this listener is one of the things that it stops. Nothing is answered, as by Celery's.
    void worker.stop({ reason: 'remote control' })
    return undefined
  },
  quiet: async (_, { worker }) => {
    await worker.quiet()
    return { ok: 'takes no more tasks' }
  },
}

/**
 * `time`: its clock, seconds since the epoch; `reason`: why it takes no tasks; `rss`: memory of this process, bytes;
 * `loop`: how busy the event loop of this thread was since the last look, or since its start, 0 to 1.
 */
function about(_: Arguments, { worker, app }: CommandContext): unknown {
  const { ready, reason = null } = worker.health
  return {
    software: 'celeriac',
    version: version(),
    node: process.versions.node,
    time: app.config.clock.now() / 1000,
    ready,
    quiet: reason === NOT_READY.quiet,
    reason,
    rss: process.memoryUsage.rss(),
    loop: loopUse(worker),
  }
}

/** How busy the event loop had been at the last look. */
const looks = new WeakMap<CommandContext['worker'], ReturnType<typeof performance.eventLoopUtilization>>()

function loopUse(worker: CommandContext['worker']): number {
  const now = performance.eventLoopUtilization()
  const { utilization } = performance.eventLoopUtilization(now, looks.get(worker))
  looks.set(worker, now)
  return Math.round(utilization * 1000) / 1000
}

/** RSS of this process. */
function memory(): string {
  return `${(process.memoryUsage.rss() / 2 ** 20).toFixed(2)}MB`
}

/**
 * Another worker starts: take the ids that it knows to be revoked, and answer ours. Undefined, so no answer, where it
 * is this worker itself.
 */
function hello({ from_node: from, revoked }: Arguments, { worker, app, state }: CommandContext): unknown {
  if (from === worker.hostname) return undefined
  for (const id of readRevoked(revoked)) state.revoked.add(id)
  return { revoked: revokedData(state.revoked.all(), process.hrtime()[0]), clock: app.logicalClock.forward() }
}
