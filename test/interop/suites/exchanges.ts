import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { App } from '../../../src/app/app.ts'
import { workerDirect } from '../../../src/broker/broker.ts'
import { until } from '../../app/lab.ts'
import type { PythonClient } from '../celery.ts'
import { Fleet, type FleetOptions } from '../fleet.ts'

/** Exchanges of both sides: `both.note` notes by whom it was run. */
export function exchanges(kind: FleetOptions): void {
  let fleet: Fleet
  let app: App
  let python: PythonClient

  const withNote = (queue: string): App => {
    const one = fleet.app({
      queue,
      queues: {
        'ts-feeds': { exchange: { name: 'feeds', type: 'topic' }, routingKey: 'feed.sport.*' },
        'ts-images': { exchange: { name: 'media' }, routingKey: 'clip' },
        news: { broadcast: true, routingKey: 'python' },
      },
    })
    one.task('both.note', async (text: string) => {
      await fleet.redis.rpush('notes', `ts ${text}`)
      return 'ts'
    })
    return one
  }

  beforeAll(async () => {
    fleet = await Fleet.start(kind)
    app = withNote('typescript')
    const queues = ['typescript', 'ts-feeds', 'ts-images', 'news']
    await fleet.work(app, { queues, workerDirect: true })
    await fleet.pythonWorker({ exchanges: true, queues: ['python', 'py-feeds', 'py-images', 'news'] })
    python = await fleet.pythonClient({ exchanges: true, queue: 'python' })
    await python.call('declare_exchanges', {})
  })
  afterAll(() => fleet.end())
  beforeEach(async () => {
    await fleet.redis.del('notes')
  })

  /** These, in any order, and no more: what came with an end note after them has come. */
  async function noted(...expected: string[]): Promise<void> {
    await expect.poll(async () => (await fleet.lines('notes')).sort(), { timeout: 8000 }).toEqual([...expected].sort())
    await app.send('both.note', ['end'], { queue: 'typescript' })
    await app.send('both.note', ['end'], { queue: 'python' })
    await until(async () => (await fleet.lines('notes')).filter((line) => line.endsWith(' end')).length === 2)
    expect((await fleet.lines('notes')).filter((line) => !line.endsWith(' end')).sort()).toEqual(expected.sort())
  }

  test('topic: a call of either side goes to the queues of both whose pattern fits', async () => {
    await app.send('both.note', ['1'], { exchange: 'feeds', routingKey: 'feed.sport.de' })
    await python.send('both.note', ['2'], { exchange: 'feeds', routing_key: 'feed.sport.de' })
    await app.send('both.note', ['3'], { exchange: 'feeds', routingKey: 'feed.weather' })
    await python.send('both.note', ['4'], { exchange: 'feeds', routing_key: 'feed.weather' })
    await app.send('both.note', ['5'], { queue: 'ts-feeds', routingKey: 'other' })
    await noted('ts 1', 'py 1', 'ts 2', 'py 2', 'py 3', 'py 4')
  })

  test('direct: by its key, also of a queue of the other side', async () => {
    await app.send('both.note', ['1'], { exchange: 'media', routingKey: 'image' })
    await python.send('both.note', ['2'], { exchange: 'media', routing_key: 'clip' })
    await app.send('both.note', ['3'], { queue: 'ts-images' })
    await python.send('both.note', ['4'], { queue: 'py-images' })
    await noted('py 1', 'ts 2', 'ts 3', 'py 4')
  })

  test('broadcast: every worker of both sides runs a call of either', async () => {
    const sent = await app.send('both.note', ['1'], { queue: 'news' })
    await python.send('both.note', ['2'], { queue: 'news' })
    expect(['py', 'ts']).toContain(await sent.get({ timeout: '20s' }))
    await noted('ts 1', 'py 1', 'ts 2', 'py 2')
  })

  test('a broadcast waits for its time at each worker', async () => {
    await app.send('both.note', ['1'], { queue: 'news', countdown: 300 })
    await python.send('both.note', ['2'], { queue: 'news', countdown: 0.3 })
    await noted('ts 1', 'py 1', 'ts 2', 'py 2')
  })

  test('worker_direct: one worker of the other side alone', async () => {
    await app.send('both.note', ['1'], { queue: workerDirect('py@test') })
    await app.send('both.note', ['2'], { exchange: 'C.dq2', routingKey: 'py@test' })
    await python.send('both.note', ['3'], { exchange: 'C.dq2', routing_key: 'ts@test' })
    await noted('py 1', 'py 2', 'ts 3')
  })
}
