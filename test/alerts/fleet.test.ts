import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Webhook } from 'standardwebhooks'
import { expect, onTestFinished, test } from 'vitest'
import { Alerts } from '../../src/alerts/alerts.ts'
import { bearer } from '../../src/http/server/serve.ts'
import { Celeriac, every } from '../../src/index.ts'
import { recorderOf } from '../../src/recorder/recorder.ts'
import { createLogger } from '../../src/std/log.ts'
import { Worker } from '../../src/worker/worker.ts'
import { until } from '../app/lab.ts'
import { project, startWorker } from '../cli/harness.ts'
import { Receiver, secretOf } from '../webhook/receiver.ts'

const SECRET = secretOf('alerts')
const TASKS = `
import { Celeriac } from 'celeriac'
export const app = new Celeriac({ name: 'shop' })
app.task('add', (x, y) => x + y)
`

async function receiver(): Promise<Receiver> {
  const started = await Receiver.start()
  onTestFinished(() => started.stop())
  return started
}

test('each kind of rule finds what it is for in a real fleet, and its alert is sent', async () => {
  const hook = await receiver()
  const folder = await mkdtemp(join(tmpdir(), 'celeriac-alerts-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  const app = new Celeriac({
    name: 'shop',
    broker: `sqlite:${join(folder, 'shop.db')}`,
    queues: { slow: { maxQueueLength: 1 } },
    logger: createLogger('silent'),
  })
  onTestFinished(() => app.close())
  app.limit('bank', { breaker: { failures: 1, within: '1m', pause: '1h' } })
  const fail = app.task('fail', () => {
    throw new Error('always')
  })
  const pay = app.task(
    'pay',
    () => {
      throw new Error('no bank')
    },
    { uses: 'bank' },
  )
  const later = app.task('later', () => undefined, { queue: 'slow' })
  const alerts = new Alerts(app, {
    ...{ to: hook.url, secret: SECRET, allow: ['127.0.0.1'], every: '1s' },
    rules: [
      { name: 'failing', on: 'failure-rate', task: 'fail', above: 0.5, atLeast: 5, for: 0 },
      { name: 'waiting', on: 'oldest-age', queue: 'slow', above: '1s', for: 0 },
      { name: 'late', on: 'beat-late', above: '1s', for: 0 },
      { name: 'broken', on: 'breaker-open', limit: 'limit *', for: 0 },
      { name: 'full', on: 'store-full', for: 0 },
      { name: 'nothing', on: 'failure-rate', task: 'add', above: 0.1, for: 0 },
    ],
  })
  await app.schedules.add('report', every('1s'), later)
  await alerts.start()
  const worker = new Worker(app, { taskEvents: true, queues: ['celery'], logger: false })
  await worker.start()
  await later.delay()
  await pay.delay()
  for (let at = 0; at < 6; at++) await fail.delay()
  const dataOf = () =>
    hook.got.map(({ body }) => JSON.parse(body)).filter(({ type }) => type === 'celeriac.alert.firing.v1')
  await until(() => dataOf().length >= 5)
  for (const { headers, body } of hook.got) new Webhook(SECRET).verify(body, headers)
  const found = Object.fromEntries(dataOf().map(({ data }) => [data.rule, data.subject]))
  expect(found).toEqual({
    failing: 'task fail',
    waiting: 'queue slow',
    late: 'schedule report',
    broken: 'limit bank',
    full: 'queue slow',
  })
  expect((await alerts.report()).map(({ rule, states }) => `${rule} ${states.length}`)).toContain('nothing 0')
  await worker.stop()
  await alerts.stop()
})

test('a worker that is killed is lost; one that stops is not', async () => {
  const hook = await receiver()
  const folder = project({ 'tasks.ts': TASKS })
  const store = `sqlite:${join(folder, 'shop.db')}`
  const app = new Celeriac({ name: 'shop', broker: store, logger: createLogger('silent') })
  onTestFinished(() => app.close())
  const rules = [{ name: 'lost', on: 'worker-lost', for: 0, severity: 'critical' }] as const
  const alerts = new Alerts(app, { to: hook.url, secret: SECRET, allow: ['127.0.0.1'], every: '1s', rules })
  await alerts.start()
  const start = (name: string) => startWorker(folder, '-b', store, '-n', name, '-E')
  const [killed, stopped] = await Promise.all([start('killed@here'), start('stopped@here')])
  const recorder = await recorderOf(app)
  await until(async () => (await recorder.workers()).filter(({ isAlive }) => isAlive).length === 2)
  stopped.child.kill('SIGTERM')
  await stopped.ended
  killed.child.kill('SIGKILL')
  const { body } = await hook.nth(1)
  expect(JSON.parse(body)).toMatchObject({
    type: 'celeriac.alert.firing.v1',
    data: { rule: 'lost', severity: 'critical', subject: 'worker killed@here' },
  })
  expect(await alerts.report()).toMatchObject([{ readings: [{ subject: 'worker killed@here' }] }])
  await alerts.stop()
})

test('over HTTP: the rules, what they find, and their alerts, for viewers', async () => {
  const hook = await receiver()
  const tokens = { vic: 'a-token-of-vic-1234', ann: 'a-token-of-ann-1234' }
  const authorize = bearer({ [tokens.vic]: { id: 'vic', scopes: ['viewer'] }, [tokens.ann]: 'ann' })
  const app = new Celeriac({
    broker: 'memory:',
    queues: { slow: { maxQueueLength: 1 } },
    logger: createLogger('silent'),
  })
  onTestFinished(() => app.close())
  const alerts = new Alerts(app, {
    ...{ to: hook.url, secret: SECRET, allow: ['127.0.0.1'], every: '1s' },
    rules: [{ name: 'full', on: 'store-full', for: 0 }],
  })
  const api = app.http({ expose: [], authorize, fleet: { alerts } })
  await app.task('later', () => undefined, { queue: 'slow' }).delay()
  const ask = async (token: string) => api.request('/v1/alerts', { headers: { authorization: `Bearer ${token}` } })
  expect((await ask(tokens.ann)).status).toBe(403)
  await hook.nth(1)
  expect(await (await ask(tokens.vic)).json()).toMatchObject({
    rules: [
      {
        ...{ rule: 'full', on: 'store-full', readings: [{ subject: 'queue slow', value: 1 }] },
        alerts: [{ subject: 'queue slow', status: 'firing' }],
      },
    ],
  })
  expect(() => app.http({ expose: [], authorize, fleet: { alerts: {} as never } })).toThrow(/celeriac[/]alerts/)
})
