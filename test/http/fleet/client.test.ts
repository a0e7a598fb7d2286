import { expect, test } from 'vitest'
import { createClient } from '../../../src/client/client.ts'
import type { Celeriac } from '../../../src/index.ts'
import { Worker } from '../../../src/worker/worker.ts'
import { Contract, ValidatingProxy } from '../contract.ts'
import { build } from '../house.ts'
import { authorize, PEOPLE } from './people.ts'

const define = (app: Celeriac) => [app.task('add', (x: number, y: number) => x + y)]

test('the typed client sees and changes queues and workers, and reads the audit log', async () => {
  await using house = await build('sqlite:', define, { http: { authorize, fleet: true } })
  const worker = new Worker(house.app, { hostname: 'w@a', queues: ['idle'], logger: false })
  await worker.start()
  const contract = new Contract((await house.ask('GET', '/openapi.json', { headers: PEOPLE.admin })).json)
  const proxy = await ValidatingProxy.start(`http://127.0.0.1:${house.server.port}`, contract)
  try {
    const client = createClient(proxy.url, { token: PEOPLE.admin.authorization.slice('Bearer '.length) })
    await house.app.tasks.get('add')?.delay(1, 2)
    await client.queues.pause('a b/c')
    expect(await client.queues.get('a b/c')).toMatchObject({ paused: true, waiting: 0 })
    await client.queues.resume('a b/c')
    const { queues } = await client.queues.list()
    expect(queues.map(({ name, waiting }) => [name, waiting])).toEqual([
      ['celery', 1],
      ['idle', 0],
    ])
    const { messages } = await client.queues.peek('celery', { limit: 1, content: true })
    expect(messages).toMatchObject([{ task: 'add', argsrepr: '(1, 2)', content: { args: [1, 2] } }])
    expect(await client.queues.purge('celery', { dryRun: true })).toEqual({ count: 1, dryRun: true })
    expect(await client.queues.purge('celery')).toEqual({ count: 1 })
    expect((await client.workers.list()).workers.map(({ name }) => name)).toEqual(['w@a'])
    expect(await client.workers.command('w@a', 'pool-grow', { count: 2 })).toEqual({
      worker: 'w@a',
      ok: 'pool will grow',
    })
    expect(await client.workers.command('w@a', 'quiet')).toMatchObject({ worker: 'w@a' })
    expect(await client.workers.get('w@a')).toMatchObject({ quiet: true })
    expect(await client.workers.stack('w@a')).toEqual({ slots: [] })
    expect(Object.keys(await client.workers.profile('w@a', { seconds: 1 }))).toContain('nodes')
    await expect(client.workers.command('w@a', 'autoscale', { max: 1, min: 0 })).rejects.toMatchObject({
      problem: { type: 'urn:celeriac:problem:worker-refused' },
    })
    const { entries } = await client.audit({ action: 'worker.quiet', since: new Date(0) })
    expect(entries).toMatchObject([{ who: 'root', target: 'worker w@a', status: 200 }])
    await client.workers.shutdown('w@a')
    expect(contract.breaches).toEqual([])
  } finally {
    await proxy.stop()
    await worker.stop({ grace: 0 })
  }
})
