import { setTimeout as sleep } from 'node:timers/promises'
import { cpuOf, rssOf } from '../harness/processes.ts'
import type { Conditions, Entrant, Figures } from '../harness/scenario.ts'
import { type Answered, type Asked, load, wrkVersion } from '../http/load.ts'
import type { Order } from '../http/order.ts'
import type { HttpSide, Service } from '../http/sides.ts'
import type { RedisStore } from '../stores/redis.ts'

/** Jobs whose status is asked for in turn. */
const JOBS = 200
/** Of the window. */
const SHARE = 0.5
/** For which code is cold, s; wrk knows whole seconds. */
const COLD = 2
/** Connections of wrk: as many requests are under way when it ends, which it does not count. */
const CONNECTIONS = 64
/** Longest that a worker takes for these jobs, ms, and the time between two looks. */
const LIMIT_MS = 60_000
const LOOK_EVERY_MS = 100

type Measure = (conditions: Conditions, store: RedisStore, side: HttpSide) => Promise<Figures>

export function httpEntrants(sides: readonly HttpSide[], measure: Measure): Entrant[] {
  return sides.map((side) => ({
    name: side.name,
    semantics: side.semantics,
    async prepare(conditions) {
      await wrkVersion()
      await conditions.servers.redis()
      return side.version(conditions)
    },
    async run(conditions) {
      const store = await conditions.servers.redis()
      await store.empty()
      return measure(conditions, store, side)
    },
  }))
}

/** Calls that are accepted; no worker runs. Each call that was answered, those of the warm-up too, has its message in the queue. */
export const submit: Measure = (conditions, store, side) =>
  serving(conditions, store, side, async (url, service) => {
    const { path, body } = side.submit
    const asked = { method: 'POST', body, paths: [path] } as const
    const { figures, answered, runs } = await measure(conditions, store, service, url, asked)
    const messages = await store.sum(...side.left)
    // What was under way at each end of wrk is submitted and was not counted.
    if (messages < answered || messages > answered + runs * CONNECTIONS)
      throw new Error(`${side.name}: expected ${answered} messages and those under way, got ${messages}`)
    return figures
  })

/** The states of jobs that wait, or that have ended. */
export const status =
  (ended: boolean): Measure =>
  (conditions, store, side) =>
    serving(conditions, store, side, async (url, service) => {
      const ids: string[] = []
      while (ids.length < JOBS) ids.push(await submitOne(url, side))
      if (ended) await workOff(conditions, store, side)
      const paths = ids.map((id) => side.statusPath(id))
      return (await measure(conditions, store, service, url, { method: 'GET', body: '', paths })).figures
    })

async function serving(
  conditions: Conditions,
  store: RedisStore,
  side: HttpSide,
  use: (url: string, service: Service) => Promise<Figures>,
): Promise<Figures> {
  const service = await side.start(await orderOf(conditions, store, side, 'serve'))
  try {
    return await use(`http://127.0.0.1:${service.ready.port}`, service)
  } finally {
    await service.end()
  }
}

async function measure(
  { window, quick }: Conditions,
  store: RedisStore,
  { pid }: Service,
  url: string,
  asked: Asked,
): Promise<{ readonly figures: Figures; readonly answered: number; readonly runs: number }> {
  const whole = Math.max(1, Math.round(window * SHARE))
  const cold = await counted(store, pid, () => load(url, quick ? 1 : COLD, CONNECTIONS, asked))
  const warm = await counted(store, pid, () => load(url, whole, CONNECTIONS, asked))
  const answered = cold.answered.requests + warm.answered.requests
  const figures = {
    ...requestFigures('', warm),
    'operations/request': warm.operations / warm.answered.requests,
    'p50 ms': warm.answered.p50,
    'p99 ms': warm.answered.p99,
    ...requestFigures('cold ', cold),
    'web server RSS MiB': rssOf(pid),
    requests: warm.answered.requests,
  }
  return { figures, answered, runs: cold.answered.runs + warm.answered.runs }
}

interface Counted {
  readonly answered: Answered
  /** s. */
  readonly webCpu: number
  readonly serverCpu: number
  readonly operations: number
}

async function counted(store: RedisStore, pid: number, work: () => Promise<Answered>): Promise<Counted> {
  const counters = await store.counters()
  const before = { web: cpuOf(pid), server: await store.cpu() }
  const answered = await work()
  const after = { web: cpuOf(pid), server: await store.cpu() }
  const operations = ((await store.counters()).operations ?? 0) - (counters.operations ?? 0)
  return { answered, webCpu: after.web - before.web, serverCpu: after.server - before.server, operations }
}

function requestFigures(prefix: string, { answered, webCpu, serverCpu }: Counted): Figures {
  const { requests, seconds } = answered
  return {
    [`${prefix}requests/s`]: requests / seconds,
    [`${prefix}web server CPU µs/request`]: (1e6 * webCpu) / requests,
    [`${prefix}server CPU µs/request`]: (1e6 * serverCpu) / requests,
  }
}

async function submitOne(url: string, { submit: { path, body }, idOf }: HttpSide): Promise<string> {
  const headers: Record<string, string> = body === '' ? {} : { 'content-type': 'application/json' }
  const answer = await fetch(url + path, { method: 'POST', headers, body: body === '' ? undefined : body })
  if (answer.status !== 202) throw new Error(`POST ${path}: expected 202, got ${answer.status}: ${await answer.text()}`)
  return idOf(await answer.json())
}

async function workOff(conditions: Conditions, store: RedisStore, side: HttpSide): Promise<void> {
  const worker = await side.start(await orderOf(conditions, store, side, 'work'))
  try {
    const end = performance.now() + LIMIT_MS
    while ((await store.sum(...side.left)) > 0) {
      if (performance.now() > end) throw new Error(`${side.name}: its worker has not run ${JOBS} jobs in a minute`)
      await sleep(LOOK_EVERY_MS)
    }
  } finally {
    await worker.end()
  }
}

async function orderOf({ root }: Conditions, store: RedisStore, side: HttpSide, role: Order['role']): Promise<Order> {
  return { role, url: store.url, root, folder: (await side.install?.()) ?? '' }
}
