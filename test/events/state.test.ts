import { afterAll, beforeAll, expect, test } from 'vitest'
import { Cluster } from '../../src/events/cluster.ts'
import type { ClusterTask } from '../../src/events/clusterTask.ts'
import type { Clock } from '../../src/std/clock.ts'
import { PythonClient } from '../interop/celery.ts'
import { random as seeded } from '../random.ts'

/** The same events, folded by `celery.events.state` of Debian's Celery and by ours, in many orders. */
let python: PythonClient

beforeAll(async () => {
  python = await PythonClient.start({ broker: 'memory://' })
})
afterAll(() => python.stop())

type Fields = Record<string, unknown> & { type: string; hostname: string; timestamp: number; clock: number }

const LIMITS = { maxTasks: 10_000, maxWorkers: 5000, maxAge: 86_400_000 }
const CALL = { name: 'add', args: '(1, 2)', kwargs: '{}', root_id: 'root', parent_id: null, retries: 0 }

/** Each event with fields of its own, so that it shows which of them was taken. */
function eventsOf(random: () => number): Fields[] {
  const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(random() * items.length)] as Item
  const kinds: Readonly<Record<string, (at: number) => object>> = {
    'task-sent': (at) => ({ ...CALL, args: `sent ${at}`, queue: 'q', exchange: '', routing_key: 'q' }),
    'task-received': (at) => ({
      ...CALL,
      args: `received ${at}`,
      eta: random() < 0.3 ? null : `eta ${at}`,
      expires: null,
    }),
    'task-started': () => ({}),
    'task-succeeded': (at) => ({ result: `result ${at}`, runtime: at / 8 }),
    'task-failed': (at) => ({ exception: `failed ${at}`, traceback: `trace ${at}` }),
    'task-retried': (at) => ({ exception: `retried ${at}`, traceback: `trace ${at}` }),
    'task-rejected': () => ({ requeue: true }),
    'task-revoked': () => ({ terminated: false, signum: null, expired: true }),
    'task-progress': (at) => ({ percent: at }),
    'task-cancelled': () => ({}),
    'worker-online': () => ({ freq: 2, active: 0, processed: 0, loadavg: [1, 2, 3], sw_ident: 'x' }),
    'worker-heartbeat': (at) => ({ freq: pick([2, 5, 30]), active: at, processed: at, loadavg: [1, 2, 3] }),
    'worker-breaker-opened': (at) => ({ limit: 'api', key: 'acme', until: 1000 + at }),
    'worker-breaker-closed': () => ({ limit: 'api', key: '', until: null }),
    'worker-offline': () => ({ freq: 2 }),
  }
  return Array.from({ length: 80 }, (_, at) => {
    const type = pick(Object.keys(kinds))
    const hostname = pick(['a@x', 'b@x', 'c@y'])
    const uuid = type.startsWith('task-') ? { uuid: pick(['1', '2', '3', '4', '5']) } : {}
    const about = { type, hostname, timestamp: 1000 + Math.floor(random() * 120), clock: at + 1, pid: 7 }
    return { ...about, ...uuid, ...kinds[type]?.(at) }
  })
}

function fold(events: readonly Fields[], now: number) {
  let time = 0
  const clock: Clock = { now: () => time, after: () => () => undefined }
  const cluster = new Cluster(LIMITS, clock)
  for (const event of events) {
    time = event.timestamp * 1000
    expect(cluster.fold(event)).toBeDefined()
  }
  time = now * 1000
  const tasks = Object.fromEntries([...cluster.tasks].map(([id, task]) => [id, shown(task)]))
  return {
    tasks,
    alive: cluster
      .alive()
      .map(({ hostname }) => hostname)
      .sort(),
    workers: [...cluster.workers.keys()].sort(),
  }
}

/** Without the moment of the state: in Celery a late event of another state changes it. */
function shown(task: ClusterTask): object {
  const { state, name, args, kwargs, rootId: root_id, parentId: parent_id, retries, eta, expires } = task
  const { result, runtime, exception, traceback, client, worker } = task
  const all = { state, name, args, kwargs, root_id, parent_id, retries, eta, expires }
  const values = { ...all, result, runtime, exception, traceback, client, worker }
  return Object.fromEntries(Object.entries(values).map(([field, value]) => [field, value ?? null]))
}

test('300 streams of events in random order give the states and the workers that Celery has', async () => {
  const random = seeded(20_260)
  for (let stream = 0; stream < 300; stream++) {
    const events = eventsOf(random)
    const now = 1000 + Math.floor(random() * 200)
    const theirs = await python.call('fold', { events, now })
    expect(fold(events, now), `stream ${stream}`).toEqual(theirs)
  }
})
