import { fork } from 'node:child_process'
import { once } from 'node:events'
import { expect, it, vi } from 'vitest'
import { currentTask } from '../../src/tasks/current.ts'
import { metricsOf } from '../../src/telemetry/metrics/metrics.ts'
import { type Lab, onEachStore, until } from '../app/lab.ts'

onEachStore((lab, kind) => {
  it('a second run begins with STARTED: the progress of the lost one is not shown as its own', async () => {
    const app = lab().app()
    const gate = Promise.withResolvers<void>()
    let runs = 0
    const task = app.task('task', async () => {
      if (++runs === 1) {
        await currentTask()?.progress(0.4)
        return new Promise(() => undefined)
      }
      return gate.promise
    })
    const first = await lab().work(app, { hostname: 'first@x' })
    const handle = await task.delay()
    await until(async () => (await handle.state()) === 'PROGRESS')
    await first.stop({ grace: 0 })
    await lab().work(app, { hostname: 'second@x' })
    await until(() => runs === 2)
    await until(async () => (await handle.state()) === 'STARTED')
    expect(await handle.info()).toMatchObject({ worker: 'second@x', progress: undefined })
    gate.resolve()
    await handle.get({ timeout: '20s' })
  })

  if (kind === 'memory') return

  const pools = kind === 'sqlite' ? (['inline', 'threads'] as const) : (['inline'] as const)
  it.each(pools)('a run that ended with its worker is an attempt: %s', async (pool) => {
    const { app, fragile } = await dying(lab())
    const metrics = metricsOf(app)
    const module = new URL('./modules/dying.ts', import.meta.url)
    const child = fork(module, ['work'])
    lab().after(() => child.kill('SIGKILL'))
    await once(child, 'message')
    const handle = await fragile.delay()
    await until(async () => (await handle.state()) === 'PROGRESS')
    expect(await handle.info()).toMatchObject({ attempt: 1, progress: { attempt: 1 } })
    child.kill('SIGKILL')
    await once(child, 'exit')
    await lab().work(app, { pool, concurrency: 1, module: module.href })
    await until(async () => (await handle.state()) === 'RETRY')
    // RabbitMQ's classic queues do not tell a worker's death from a message that was given back.
    const lost = kind === 'rabbitmq' ? 0 : 1
    expect(await handle.info()).toMatchObject({ attempt: 2 + lost, retries: 1 })
    expect(await handle.get()).toEqual({ attempt: 2 + lost, retries: 1 })
    const info = await handle.info()
    expect(info).toMatchObject({ state: 'SUCCESS', attempt: 2 + lost, retries: 1 })
    expect(await metrics.text()).toContain(`celeriac_leases_rescued_total{task="fragile"} ${lost}\n`)
  })
})

/** The app of modules/dying.ts on the store of this test. */
async function dying(lab: Lab): Promise<typeof import('./modules/dying.ts')> {
  process.env.CELERIAC_TEST_STORE = lab.url
  process.env.CELERIAC_TEST_BACKEND = lab.backend ?? lab.url
  vi.resetModules()
  const loaded = await import('./modules/dying.ts')
  lab.after(() => loaded.app.close())
  return loaded
}
