import { expect, onTestFinished, test } from 'vitest'
import { App } from '../../../src/app/app.ts'
import { Control } from '../../../src/control/control.ts'
import { createLogger } from '../../../src/std/log.ts'
import { Worker } from '../../../src/worker/worker.ts'
import { startSentinel } from '../../redis/sentinel.ts'
import { freePort, RedisServer } from '../../redis/server.ts'
import { PythonClient, PythonWorker } from '../celery.ts'

test('tasks, results and remote control by Sentinel, both ways', async () => {
  const server = await RedisServer.start()
  onTestFinished(() => server.stop())
  const port = await freePort()
  const sentinel = await startSentinel(port, server)
  onTestFinished(() => void sentinel.kill('SIGKILL'))
  const broker = `sentinel://127.0.0.1:${port}/2`
  const backend = server.url(2)
  const python = { broker, backend, store: backend, transport: { master_name: 'main' } }

  const app = new App({ broker: `${broker}?master_name=main`, backend, queue: 'ts', logger: createLogger('silent') })
  onTestFinished(() => app.close())
  app.task('ts.add', (x: number, y: number) => x + y)
  const worker = new Worker(app, { hostname: 'ts@test' })
  onTestFinished(() => worker.stop())
  const theirs = PythonWorker.start(python)
  await worker.start()
  const pythonWorker = await theirs
  onTestFinished(() => pythonWorker.stop())
  const client = await PythonClient.start({ ...python, queue: 'ts' })
  onTestFinished(() => client.stop())

  expect(await client.run('ts.add', [1, 2])).toMatchObject({ result: 3 })
  expect(await app.send('py.add', [1, 2], { queue: 'python' }).get({ timeout: '20s' })).toBe(3)
  const both = ['py@test', 'ts@test']
  const heard = await client.call<object[]>('ping', { timeout: 20, limit: 2 })
  expect(heard.flatMap(Object.keys).sort()).toEqual(both)
  const answers = await new Control(app).ping({ timeout: '20s', destination: both })
  expect(answers.flatMap(Object.keys).sort()).toEqual(both)
})
