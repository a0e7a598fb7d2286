import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, expect, it, onTestFinished } from 'vitest'
import { Celeriac } from '../../src/index.ts'
import { createLogger } from '../../src/std/log.ts'
import { metricsOf } from '../../src/telemetry/metrics/metrics.ts'
import { metrics } from '../../src/telemetry/opentelemetry.ts'
import { until, useLab } from '../app/lab.ts'
import { deadIn } from '../deadLetters.ts'
import { Exposition } from '../http/exposition.ts'
import { seriesName, seriesOf, startMeters } from './meters.ts'
import { defineNested } from './modules/measured.ts'

const lab = useLab('sqlite')
let meters: ReturnType<typeof startMeters>
beforeEach(() => {
  meters = startMeters()
})

it('OpenTelemetry reads the numbers that Prometheus reads, in the same series', async () => {
  const app = new Celeriac({ broker: lab().url, unknownTaskTimeout: 0, logger: createLogger('silent') })
  lab().after(() => app.close())
  const meter = meters.provider.getMeter('test')
  const end = metrics(app, { meter })
  const add = app.task('add', (x: number) => x)
  app.task('fails', () => Promise.reject(new Error('no')))
  const api = app.http({ expose: [add] })
  const body = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '[1]' }
  expect((await api.request('http://localhost/v1/tasks/add', body)).status).toBe(202)
  await add.applyAsync([2], { countdown: '1h' })
  await app.send('unknown')
  await lab().work(app)
  await expect((await app.send('fails')).get()).rejects.toThrow('no')
  await until(async () => (await deadIn(app)) === 1)
  const { samples } = new Exposition(await metricsOf(app).text())
  const read = seriesOf(await meters.read())
  // Prometheus sees a series of times before the first of them.
  const empty = samples.filter(({ name, value }) => name.endsWith('_count') && value === 0)
  const isEmpty = (name: string): boolean =>
    empty.some((one) => name.startsWith(one.name.slice(0, -'count'.length)) && name !== one.name)
  const known = samples.filter(({ name }) => name.startsWith('celeriac_') && !isEmpty(name))
  const expected = known.map(({ name, labels, value }): [string, number] => [seriesName(name, labels), value])
  expect(read).toEqual(Object.fromEntries(expected.filter(([name]) => !name.includes('_count') || name in read)))
  expect(read).toMatchObject({
    'celeriac_tasks_total {"state":"FAILURE","task":"fails"}': 1,
    'celeriac_http_requests_total {"method":"POST","route":"/v1/tasks/:name","status":"202"}': 1,
    'celeriac_task_duration_seconds_count {"task":"add"}': 1,
    'celeriac_delayed_messages {}': 1,
    'celeriac_queue_dead_letters {"queue":"celery"}': 1,
    'celeriac_store_up {}': 1,
  })
  const found = (await meters.read()).map(({ descriptor: { name, unit } }) => [name, unit])
  expect(found).toContainEqual(['celeriac_task_duration_seconds', 's'])
  expect(found).toContainEqual(['celeriac_tasks_total', ''])
  end()
  await (await add.delay(3)).get()
  // The SDK repeats what it read last.
  expect(seriesOf(await meters.read())).toEqual(read)
})

it('a thread of a pool reports what it submits, and does not ask the store', async () => {
  const file = join(lab().path, '..', 'meters.json')
  Object.assign(process.env, { METERS: file, METERS_BROKER: lab().url })
  onTestFinished(() => {
    for (const name of ['METERS', 'METERS_BROKER']) delete process.env[name]
  })
  const app = defineNested(lab().app())
  const module = new URL('./modules/measured.ts', import.meta.url).href
  const worker = await lab().work(app, { module, pool: 'threads', concurrency: 1 })
  const leaf = await (await app.send('nested')).get({ timeout: '20s' })
  await app.result(leaf as string).get({ timeout: '20s' })
  await worker.stop()
  const read = JSON.parse(readFileSync(file, 'utf8')) as Record<string, number>
  expect(read['celeriac_jobs_submitted_total {"task":"leaf"}']).toBe(1)
  expect(Object.keys(read).filter((name) => /store|queue|messages/.test(name))).toEqual([])
})

it('wrong options are refused', () => {
  expect(() => metrics(lab().app(), { metre: 1 } as never)).toThrow('metrics: unknown option metre')
})
