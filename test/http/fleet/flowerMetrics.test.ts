import { expect, test } from 'vitest'
import { Celeriac } from '../../../src/index.ts'
import { eventEnvelope } from '../../../src/protocol/event.ts'
import { createLogger } from '../../../src/std/log.ts'
import { FlowerMetrics } from '../../../src/telemetry/metrics/flower.ts'
import { Worker } from '../../../src/worker/worker.ts'
import { storesOf } from '../../app/stores.ts'
import { faultsOf } from '../../deploy/promql.ts'
import { eventually } from '../../wait.ts'
import { Exposition } from '../exposition.ts'
import { build } from '../house.ts'

/** Types and labels by the table of Flower's documentation. */
const DOCUMENTED: Readonly<Record<string, readonly [type: string, ...labels: string[]]>> = {
  flower_events_total: ['counter', 'task', 'type', 'worker'],
  flower_task_prefetch_time_seconds: ['gauge', 'task', 'worker'],
  flower_worker_prefetched_tasks: ['gauge', 'task', 'worker'],
  flower_task_runtime_seconds: ['histogram', 'task', 'worker'],
  flower_worker_online: ['gauge', 'worker'],
  flower_worker_number_of_currently_executing_tasks: ['gauge', 'worker'],
}
/** What dashboards and alerts that were made for Flower ask: which metrics, by which labels. */
const ASKED = [
  'count(flower_worker_online{worker=~"$worker"} == 1)',
  'sum(increase(flower_events_total{worker=~"$worker", type="task-succeeded"}[1h]))',
  'sum by (worker) (increase(flower_events_total{worker=~"$worker", task=~"$task", type="task-failed"}[1h]))',
  'flower_worker_number_of_currently_executing_tasks{worker=~"$worker"}',
  'sum by (worker) (flower_worker_prefetched_tasks{worker=~"$worker", task=~"$task"})',
  'avg by (task) (flower_task_prefetch_time_seconds{worker=~"$worker", task=~"$task"})',
  'sum by (task) (rate(flower_task_runtime_seconds_sum{worker=~"$worker", task=~"$task"}[5m]))',
  'histogram_quantile(0.95, sum by (le, task) (rate(flower_task_runtime_seconds_bucket{worker=~"$worker"}[5m])))',
]

test("a fleet under Flower's names, as its documentation has them and its dashboards ask", async () => {
  const released = Promise.withResolvers<void>()
  await using house = await build(
    'memory:',
    (app) => [
      app.task('add', (a: number) => a),
      app.task('fail', () => Promise.reject(new Error('no'))),
      app.task('wait', () => released.promise),
    ],
    { http: { fleet: { open: true, flowerMetrics: true } } },
  )
  const { app } = house
  const worker = new Worker(app, {
    hostname: 'celeriac@a',
    concurrency: 1,
    taskEvents: true,
    heartbeatInterval: '50ms',
  })
  const scrape = async () => new Exposition((await house.ask('GET', '/metrics')).text)
  // Counted from the first scrape on.
  await scrape()
  await worker.start()
  const read = (seen: Exposition, name: string, labels: object = {}) =>
    seen.samples.find((one) => one.name === name && Object.entries(labels).every(([k, v]) => one.labels[k] === v))
      ?.value
  await eventually(scrape, (seen) => read(seen, 'flower_worker_online', { worker: 'celeriac@a' }) === 1)
  await app.result((await app.send('add', [1])).id).get({ timeout: '20s' })
  await app
    .result((await app.send('fail', [])).id)
    .get({ timeout: '20s' })
    .catch(() => undefined)
  await app.send('wait', [])
  const name = 'flower_worker_number_of_currently_executing_tasks'
  const seen = await eventually(scrape, (one) => {
    const begun = { task: 'wait', type: 'task-started' }
    return read(one, name) === 1 && read(one, 'flower_events_total', begun) === 1
  })
  const types = Object.fromEntries([...seen.types].filter(([one]) => one.startsWith('flower_')))
  expect(types).toEqual(Object.fromEntries(Object.entries(DOCUMENTED).map(([one, [type]]) => [one, type])))
  for (const [one, [, ...labels]] of Object.entries(DOCUMENTED)) {
    const samples = seen.samples.filter((sample) => sample.name === one || sample.name.startsWith(`${one}_`))
    const found = new Set(samples.flatMap((sample) => Object.keys(sample.labels)).filter((label) => label !== 'le'))
    expect([one, [...found].sort()]).toEqual([one, labels])
  }
  expect(ASKED.flatMap((expression) => faultsOf(expression, seen))).toEqual([])
  const of = (task: string, type: string) => read(seen, 'flower_events_total', { worker: 'celeriac@a', task, type })
  expect([of('add', 'task-succeeded'), of('fail', 'task-failed'), of('wait', 'task-started')]).toEqual([1, 1, 1])
  expect(read(seen, 'flower_task_runtime_seconds_count', { task: 'add' })).toBe(1)
  expect(read(seen, 'flower_worker_prefetched_tasks', { task: 'add' })).toBe(0)
  expect(read(seen, 'flower_task_prefetch_time_seconds', { task: 'add' })).toBe(0)
  released.resolve()
  await worker.stop()
  await eventually(scrape, (one) => read(one, 'flower_worker_online', { worker: 'celeriac@a' }) === 0)
})

test('names without end are counted together, and workers that are gone make room', async () => {
  let ahead = 0
  const app = new Celeriac({
    broker: 'memory:',
    logger: createLogger('silent'),
    clock: { ...new Celeriac().config.clock, now: () => Date.now() + ahead },
  })
  const flower = new FlowerMetrics(app)
  await flower.start()
  const { broker } = await storesOf(app)
  const send = async (hostname: string, tasks: number, type = 'task-received') => {
    const events = Array.from({ length: tasks }, (_, at) => ({
      ...{ type, hostname, timestamp: Date.now() / 1000, clock: at + 1, utcoffset: 0, pid: 1 },
      ...{ uuid: `${hostname} ${at}`, name: `task ${at}` },
    }))
    await broker.publish(eventEnvelope(events, hostname), { exchange: 'celeryev', routingKey: 'task.multi' } as never)
  }
  const counted = (worker: string) =>
    flower
      .families()
      .find(({ name }) => name === 'flower_events_total')
      ?.values.filter(({ labels }) => labels.worker === worker) ?? []
  await send('a', 1500)
  await eventually(
    async () => counted('(other)')[0]?.value ?? 0,
    (value) => value === 500,
  )
  expect(counted('a')).toHaveLength(1000)
  const prefetched = flower.families().find(({ name }) => name === 'flower_worker_prefetched_tasks')?.values ?? []
  expect(prefetched[0]).toEqual({ labels: { worker: 'a', task: 'task 0' }, value: 1 })
  expect(prefetched.at(-1)).toEqual({ labels: { worker: '(other)', task: '(other)' }, value: 500 })
  for (let at = 0; at < 30; at++) await send('a', 1, `task-kind${at}`)
  await eventually(
    async () => counted('a').filter(({ labels }) => labels.type === '(other)')[0]?.value ?? 0,
    (value) => value === 11,
  )
  ahead = 3_600_000
  await send('b', 1)
  await eventually(
    async () => counted('b').length,
    (length) => length === 1,
  )
  expect(counted('a')).toEqual([])
  await flower.stop()
  await app.close()
})
