import { readRevoked, revokedData } from '../../../protocol/control.ts'
import type { Arguments, Command, CommandContext } from '../controlled.ts'
import { infoOf, pidOf } from './requests.ts'

/** The worker as a process, and what workers ask of each other. */
export const PROCESS_COMMANDS: Readonly<Record<string, Command>> = {
  clock: (_, { app }) => ({ clock: app.logicalClock.value }),
  hello,
  memsample: () => `${(process.memoryUsage.rss() / 2 ** 20).toFixed(2)}MB`,
  memdump: () => ({ error: "memdump: of Python's workers alone: use memsample, or Node's heap snapshots" }),
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
  resume: async (_, { worker }) => {
    await worker.resume()
    return { ok: 'takes tasks' }
  },
  where,
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

/** Each run, with where it runs. A stack cannot be taken of a thread that computes without stopping it. */
function where(_: Arguments, context: CommandContext): unknown {
  const { state, app } = context
  const now = app.config.clock.now()
  return [...state.running.values()].map((request) => {
    const { id, name, time_start } = infoOf(request, context, true)
    const pool = context.worker.pools.find(({ children }) => children?.some(({ job }) => job === id))
    const runtime = request.begun === undefined ? null : Math.max(0, now - request.begun) / 1000
    return {
      id,
      name,
      time_start,
      runtime,
      pool: (pool ?? context.worker.pool).kind,
      worker_pid: pidOf(request, context),
    }
  })
}
