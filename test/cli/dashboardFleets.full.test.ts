import { expect, test } from 'vitest'
import { App } from '../../src/app/app.ts'
import { createLogger } from '../../src/std/log.ts'
import { Worker } from '../../src/worker/worker.ts'
import { Exposition } from '../http/exposition.ts'
import { Fleet } from '../interop/fleet.ts'
import { emptyPostgres } from '../postgres/shared.ts'
import { traces } from '../secrets.ts'
import { eventually } from '../wait.ts'
import { project, start } from './harness.ts'

/** `celeriac dashboard` on a fleet, asked with its token. */
class Dashboard {
  readonly #url: string
  readonly #headers: Record<string, string>
  readonly output: () => string

  static async open(broker: string, backend: string): Promise<Dashboard> {
    const running = start(project({}), ['dashboard', '-b', broker, '--result-backend', backend, '--port', '0'])
    await running.until(/\/v1\/doctor\n/)
    const url = /^dashboard at (\S+)$/m.exec(running.stdout)?.[1] ?? ''
    const token = /login\?token=(\S+)/.exec(running.stdout)?.[1] ?? ''
    return new Dashboard(url, token, () => running.stdout + running.stderr)
  }

  private constructor(url: string, token: string, output: () => string) {
    this.#url = url
    this.#headers = { authorization: `Bearer ${token}` }
    this.output = output
  }

  get(path: string): Promise<Response> {
    return fetch(this.#url + path, { headers: this.#headers })
  }

  async json<Value>(path: string): Promise<Value> {
    return (await this.get(path)).json() as Promise<Value>
  }

  async metric(name: string, labels: Record<string, string>): Promise<number> {
    const { samples } = new Exposition(await (await this.get('/metrics')).text())
    const fits = (sample: { labels: Record<string, string> }): boolean =>
      Object.entries(labels).every(([label, value]) => sample.labels[label] === value)
    return samples.find((sample) => sample.name === name && fits(sample))?.value ?? 0
  }
}

interface Examination {
  findings: { check: string; text: string }[]
  stores: { url: string }[]
  workers: { name: string }[]
}

const checksOf = ({ findings }: Examination): string[] => findings.map(({ check }) => check)

test.for([
  ['redis', 'redis'],
  ['rabbitmq', 'rpc'],
  ['rabbitmq', 'redis'],
] as const)(
  'a fleet of Celery in Python alone, on %s with results on %s',
  async ([broker, results], { onTestFinished }) => {
    const fleet = await Fleet.start({ broker, results })
    onTestFinished(() => fleet.end())
    await fleet.pythonWorker({ queues: ['python'], hostname: 'py@test', heartbeat: true, extended: true })
    const dashboard = await Dashboard.open(fleet.broker, fleet.backend)
    const client = await fleet.pythonClient({ extended: true })
    const run = async (): Promise<number> => {
      await client.run('py.add', [1, 2])
      return dashboard.metric('flower_events_total', { worker: 'py@test', task: 'py.add', type: 'task-succeeded' })
    }
    // The worker sends no events by itself: the recorder has switched them on.
    await eventually(run, (count) => count > 0)
    expect(await dashboard.metric('flower_worker_online', { worker: 'py@test' })).toBe(1)
    const { status } = await client.run('py.fail')
    expect(status).toBe('FAILURE')
    await eventually(
      () => dashboard.metric('flower_events_total', { task: 'py.fail', type: 'task-failed' }),
      (value) => value === 1,
    )
    expect(await dashboard.metric('flower_task_runtime_seconds_count', { task: 'py.add' })).toBeGreaterThan(0)
    const found = await dashboard.json<Examination>('/v1/doctor')
    expect(checksOf(found)).not.toContain('no-worker')
    expect(checksOf(found)).not.toContain('store-unavailable')
    expect(found.workers).toEqual([])
    if (results === 'redis') {
      const id = await client.send('py.add', [3, 4])
      await client.get(id)
      expect(await dashboard.json(`/v1/jobs/${id}`)).toMatchObject({ task: 'py.add', state: 'SUCCESS', result: 7 })
      expect(checksOf(await dashboard.json(`/v1/doctor/jobs/${id}`))[0]).toBe('ended')
      expect((await dashboard.get('/v1/schedules')).status).toBe(200)
    } else expect((await dashboard.get('/v1/schedules')).status).toBe(501)
  },
)

test.for(['sqlite', 'postgres'] as const)('a fleet of ours on %s', async (kind, { onTestFinished }) => {
  const broker = kind === 'postgres' ? await emptyPostgres() : `sqlite:${project({})}/store.db`
  const app = new App({ broker, logger: createLogger('error') })
  app.task('add', (a: number, b: number) => a + b)
  const worker = new Worker(app, { hostname: 'celeriac@a' })
  await worker.start()
  onTestFinished(async () => {
    await worker.stop()
    await app.close()
  })
  const dashboard = await Dashboard.open(broker, broker)
  await eventually(
    async () => {
      await app.result((await app.send('add', [1, 2])).id).get({ timeout: '20s' })
      return dashboard.metric('flower_events_total', { worker: 'celeriac@a', task: 'add', type: 'task-succeeded' })
    },
    (count) => count > 0,
  )
  const found = await dashboard.json<Examination>('/v1/doctor')
  expect(found.workers).toEqual([expect.objectContaining({ name: 'celeriac@a', ready: true })])
  const { jobs } = await dashboard.json<{ jobs: { task: string; state: string }[] }>('/v1/jobs?limit=1')
  expect(jobs).toEqual([expect.objectContaining({ task: 'add', state: 'SUCCESS' })])
  const password = URL.canParse(broker) ? new URL(broker).password : ''
  if (password !== '')
    expect(traces(password).filter((trace) => `${dashboard.output()}${JSON.stringify(found)}`.includes(trace))).toEqual(
      [],
    )
})
