import { connect, type GetMessage } from 'amqplib'
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest'
import { Fleet } from '../fleet.ts'

/** Who declares what: neither side's queues clash with the other's. */
let fleet: Fleet

beforeEach(async () => {
  fleet = await Fleet.start({ broker: 'rabbitmq', results: 'rpc' })
})
afterEach(() => fleet.end())

const DEAD = { 'x-dead-letter-exchange': 'dead', 'x-message-ttl': 600_000 }

test('a queue that Python made with arguments of its own is taken as it is', async () => {
  const theirs = await fleet.pythonWorker({ queueArguments: DEAD })
  const app = fleet.app({ queue: 'python' })
  expect(await (await app.send('py.add', [1, 2])).get({ timeout: '20s' })).toBe(3)
  // Delayed ones come back to it by its name.
  expect(await (await app.send('py.add', [1, 2], { countdown: 50 })).get({ timeout: '20s' })).toBe(3)
  await theirs.kill()
  await fleet.work(app)
  const python = await fleet.pythonClient({ queueArguments: DEAD })
  expect(await python.run('ts.add', [1, 2], { queue: 'python', countdown: 0.1 })).toMatchObject({ result: 3 })
})

test('a queue that ours made is what Python would have made', async () => {
  const app = fleet.app({ queue: 'python' })
  const waiting = await app.send('py.add', [1, 2])
  await fleet.pythonWorker()
  expect(await waiting.get({ timeout: '20s' })).toBe(3)
})

test('the same arguments on both sides: whoever comes second finds nothing to change', async () => {
  const queues = { typescript: { maxPriority: 5, arguments: DEAD } }
  const both = { ...DEAD, 'x-max-priority': 5 }
  const app = fleet.app({ queues })
  await fleet.work(app)
  const python = await fleet.pythonClient({ queue: 'typescript', queueArguments: both })
  expect(await python.run('ts.add', [1, 2], { priority: 4 })).toMatchObject({ result: 3 })
})

test('a quorum queue: a Python client, our worker', async () => {
  const python = await fleet.pythonClient({ queue: 'typescript', queueArguments: { 'x-queue-type': 'quorum' } })
  const early = await python.send('ts.add', [1, 2])
  await fleet.work(fleet.app({ queues: { typescript: { type: 'quorum' } } }))
  expect(await python.get(early)).toMatchObject({ result: 3 })
  expect(await python.run('ts.retry_once')).toMatchObject({ result: { retries: 1 } })
})

test('a quorum queue that ours made: a Python client that says its type sends, and reads what became of it', async () => {
  await fleet.work(fleet.app({ queues: { typescript: { type: 'quorum' } } }))
  const python = await fleet.pythonClient({ queue: 'typescript', queueArguments: { 'x-queue-type': 'quorum' } })
  expect(await python.run('ts.add', [1, 2])).toMatchObject({ result: 3 })
  expect(await python.run('ts.add', [2, 3], { countdown: 0.2 })).toMatchObject({ result: 5 })
  expect(await python.run('ts.fail', ['no'])).toMatchObject({ status: 'FAILURE', error: { text: 'no' } })
  // Celery declares a queue whenever it sends to it: as another, it is not let in.
  const other = await fleet.pythonClient({ queue: 'typescript' })
  await expect(other.send('ts.add', [1, 2])).rejects.toThrow(/PRECONDITION_FAILED.*x-queue-type/)
})

test('a quorum queue that Python made: a worker of ours that was told nothing of it, results in Redis', async () => {
  const kept = await Fleet.start({ broker: 'rabbitmq', results: 'redis' })
  onTestFinished(() => kept.end())
  const python = await kept.pythonClient({ queue: 'typescript', queueArguments: { 'x-queue-type': 'quorum' } })
  const ids = [await python.send('ts.add', [1, 2]), await python.send('ts.retry_once')]
  await kept.work(kept.app())
  expect(await python.call('get_many', { ids })).toMatchObject([3, { retries: 1 }])
})

test('workers of one name, of both kinds: each hears what is broadcast', async () => {
  await fleet.work(fleet.app(), { hostname: 'same@test' })
  await fleet.pythonWorker({ hostname: 'same@test' })
  const python = await fleet.pythonClient()
  expect(await python.call('ping', { timeout: 20, limit: 2 })).toEqual([
    { 'same@test': { ok: 'pong' } },
    { 'same@test': { ok: 'pong' } },
  ])
})

test('replies to a queue that is gone are dropped, and the worker goes on', async () => {
  const python = await fleet.pythonClient({ queue: 'typescript' })
  await python.send('ts.gated', ['late'])
  await fleet.work(fleet.app())
  await python.stop()
  await fleet.open('late')
  const again = await fleet.pythonClient({ queue: 'typescript' })
  expect(await again.run('ts.add', [1, 2])).toMatchObject({ result: 3 })
})

test('the queue of our replies goes with the app', async () => {
  const app = fleet.app({ queue: 'idle' })
  await app.send('ts.add', [1, 2])
  const connection = await connect(fleet.broker)
  const channel = await connection.createChannel()
  channel.on('error', () => undefined)
  const sent = (await channel.get('idle', { noAck: true })) as GetMessage
  const { replyTo } = sent.properties
  expect(await channel.checkQueue(replyTo)).toMatchObject({ consumerCount: 1 })
  await app.close()
  await expect(channel.checkQueue(replyTo)).rejects.toThrow('NOT_FOUND')
  await connection.close()
})
