import { afterAll, beforeAll, expect, test } from 'vitest'
import { Reader } from '../../../src/testing/reader.ts'
import { storesOf } from '../../app/stores.ts'
import { eventually, within } from '../../wait.ts'
import type { PythonClient, PythonSignature } from '../celery.ts'
import { Fleet } from '../fleet.ts'

/* Chords of a Python app whose backend cannot join them: Celery sends `celery.chord_unlock`, and our worker runs it. */

let fleet: Fleet
let python: PythonClient
/** How often an unlock has found that members have not ended. */
let looks = 0

beforeAll(async () => {
  fleet = await Fleet.start()
  const settings = { backend: `shop:PollingRedis+${fleet.backend}` }
  const app = fleet.app()
  app.on('task:retry', () => {
    looks += 1
  })
  await fleet.work(app)
  await fleet.pythonWorker({ ...settings, pool: 'threads' })
  python = await fleet.pythonClient({ ...settings, queue: 'typescript' })
})
afterAll(() => fleet.end())

function call(task: string, args: unknown[] = [], options: Record<string, unknown> = {}): PythonSignature {
  return { task, args, options: { queue: task.startsWith('py.') ? 'python' : 'typescript', ...options } }
}

function send(chord: readonly PythonSignature[], body: PythonSignature): Promise<string> {
  return python.call<string>('run_canvas', { spec: { chord, body } })
}

test('half of the members ours, half of Python: the body gets their results in order', async () => {
  const header = Array.from({ length: 6 }, (_, n) => call(n % 2 ? 'ts.add' : 'py.add', [n, 0]))
  const id = await send(header, call('ts.echo'))
  expect(await python.get(id, 60)).toMatchObject({ status: 'SUCCESS', result: [[0, 1, 2, 3, 4, 5]] })
})

test('it waits for a member that runs for longer', async () => {
  looks = 0
  const id = await send([call('py.gated', ['slow']), call('ts.add', [1, 1])], call('ts.echo'))
  await eventually(
    async () => looks,
    (count) => count > 1,
  )
  await fleet.open('slow')
  expect(await python.get(id, 60)).toMatchObject({ status: 'SUCCESS', result: [['slow', 2]] })
})

for (const [name, failing] of [
  ['ours', call('ts.fail', ['broken'])],
  ['of Python', call('py.fail', ['broken'])],
] as const)
  test(`a member fails, ${name}: ChordError and errback`, async () => {
    const label = `unlock ${failing.task}`
    const body = call('ts.note', ['never'], { link_error: [call('ts.note', [label])] })
    const id = await send([failing, call('ts.add', [1, 1])], body)
    const { status, error } = await python.get(id, 60)
    expect([status, error?.type]).toEqual(['FAILURE', 'ChordError'])
    expect(error?.text).toMatch(/^Dependency \S+ raised .*broken/)
    const noted = async (): Promise<string[]> => (await fleet.lines('notes')).filter((line) => line.includes(label))
    await eventually(noted, (lines) => lines.length === 1)
    expect((await fleet.lines('notes')).filter((line) => line.includes('never'))).toEqual([])
  })

test('an unlock message that is delivered twice sends the body under one id', async () => {
  const queue = 'unlocked twice'
  const header = [call('ts.add', [1, 1]), call('py.add', [2, 2])]
  const id = await send(header, call('ts.body', [], { queue }))
  const { broker } = await storesOf(fleet.app())
  const consumer = await broker.consume([{ name: queue }], { prefetch: 1, name: 'celery@copy' })
  const delivery = await within(() => `a message in ${queue}`, new Reader(consumer).next())
  expect(delivery.envelope.headers.task).toBe('celery.chord_unlock')
  await broker.publish(delivery.envelope, { exchange: '', routingKey: queue })
  await delivery.reject({ requeue: true })
  await consumer.close()
  await consumer.release()
  const worker = await fleet.work(fleet.app({ queue }), { hostname: 'ts@unlock', concurrency: 2 })
  await eventually(
    async () => worker.totals.get('celery.chord_unlock') ?? 0,
    (count) => count >= 2,
  )
  expect(await python.get(id, 60)).toMatchObject({ status: 'SUCCESS', result: 2 })
  await eventually(
    async () => worker.busy + (await fleet.redis.llen(queue)),
    (left) => left === 0,
  )
  expect(new Set(await fleet.lines('bodies'))).toEqual(new Set([id]))
})
