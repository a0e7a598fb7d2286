import type { Store } from '../stores/store.ts'
import type { Cost, Ended } from './order.ts'
import type { Performer } from './performer.ts'
import { rssOf } from './processes.ts'
import type { Figures } from './scenario.ts'

/** A part of a process' life, with the processor time of the server beside it, s; undefined without a server. */
export interface Phase extends Cost {
  readonly serverCpu: number | undefined
}

/** What a process that works in phases has done. */
export interface Watched {
  readonly cold: Phase
  readonly warm: Phase
  readonly ended: Ended
  /** At the end of the warm phase, MiB. */
  readonly rss: number
  readonly serverRss: number | undefined
}

/** Follow a process through its phases to its end; it is still there. */
export async function watchPhases(child: Performer, store: Store): Promise<Watched> {
  await child.next()
  const begin = await store.cpu?.()
  const cold = await child.next<Cost>()
  const between = await store.cpu?.()
  const warm = await child.next<Cost>()
  const end = await store.cpu?.()
  const rss = rssOf(child.pid)
  const serverRss = store.pid === undefined ? undefined : rssOf(store.pid)
  return {
    cold: { ...cold, serverCpu: difference(between, begin) },
    warm: { ...warm, serverCpu: difference(end, between) },
    ended: await child.next<Ended>(),
    rss,
    serverRss,
  }
}

/** `role` is what the process is: `client` or `worker`. */
export function figuresOf(role: string, { cold, warm, rss, serverRss }: Watched): Figures {
  return {
    ...phaseFigures('', role, warm),
    ...phaseFigures('cold ', role, cold),
    [`${role} RSS MiB`]: rss,
    ...(serverRss !== undefined && { 'server RSS MiB': serverRss }),
  }
}

function phaseFigures(prefix: string, role: string, { tasks, seconds, cpuMicroseconds, serverCpu }: Phase): Figures {
  return {
    [`${prefix}tasks/s`]: tasks / seconds,
    [`${prefix}${role} CPU µs/task`]: cpuMicroseconds / tasks,
    ...(serverCpu !== undefined && { [`${prefix}server CPU µs/task`]: (1e6 * serverCpu) / tasks }),
  }
}

/** Operations of the store per task: those that its server has counted, and those that the process has counted. */
export function operationFigures(before: Figures, after: Figures, { tasks, operations }: Ended): Figures {
  const served = Object.entries(after).map(([name, count]) => [`${name}/task`, (count - (before[name] ?? 0)) / tasks])
  return { ...Object.fromEntries(served), ...(operations !== undefined && { 'operations/task': operations / tasks }) }
}

function difference(after: number | undefined, before: number | undefined): number | undefined {
  return after === undefined || before === undefined ? undefined : after - before
}
