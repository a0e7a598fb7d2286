import { Child } from '../harness/child.ts'
import type { Conditions, Figures } from '../harness/scenario.ts'
import type { Side } from '../harness/side.ts'
import type { RedisStore } from '../stores/redis.ts'
import { backlogOf, drainBacklog } from './drain.ts'

/** There and back, ms. */
const LATENCY_MS = 1
/** Of the window, for each of the two drains. */
const SHARE = 0.3

/** Drains through a proxy, without and with 1 ms more to the server and back. */
export async function latency(conditions: Conditions, store: RedisStore, side: Side<RedisStore>): Promise<Figures> {
  const near = await drainThrough(conditions, store, side, 0)
  const far = await drainThrough(conditions, store, side, LATENCY_MS)
  return { 'tasks/s, proxy alone': near, 'tasks/s, 1 ms': far, 'share kept': far / near }
}

async function drainThrough(
  conditions: Conditions,
  store: RedisStore,
  side: Side<RedisStore>,
  ms: number,
): Promise<number> {
  const proxy = new Child(new URL('../children/proxy.ts', import.meta.url), { port: store.port, latency: ms })
  try {
    const port = await proxy.next<number>()
    const window = conditions.window * SHARE
    const key = `${side.name}, ${ms} ms`
    const tasks = backlogOf(conditions.rates.get(key) ?? side.rate / (1 + 4 * ms), window, conditions.cold)
    const through = (url: string): string => url.replace(`:${store.port}/`, `:${port}/`)
    const { watched } = await drainBacklog(conditions, store, side, { tasks, cold: conditions.cold, window, through })
    const rate = watched.warm.tasks / watched.warm.seconds
    conditions.rates.set(key, rate)
    return rate
  } finally {
    await proxy.end()
  }
}
