import { expect, it } from 'vitest'
import { createWorkerHttp } from '../../src/http/routes/worker.ts'
import { OutageWatch } from '../../src/worker/health.ts'
import { Worker } from '../../src/worker/worker.ts'
import { useLab } from '../app/lab.ts'

it('an outage is measured from the first look that finds it, and its end begins again', () => {
  let now = 1000
  const watch = new OutageWatch(() => now, 50)
  const away = new Error('the broker does not answer')
  const reason = away.message
  expect(watch.look(undefined)).toEqual({ ready: true, live: true })
  now += 1000
  expect(watch.look(away)).toEqual({ ready: false, live: true, reason })
  now += 50
  expect(watch.look(away)).toEqual({ ready: false, live: true, reason })
  now++
  expect(watch.look(away)).toEqual({ ready: false, live: false, reason })
  expect(watch.look(undefined)).toEqual({ ready: true, live: true })
  expect(watch.look(away)).toEqual({ ready: false, live: true, reason })
})

const lab = useLab('memory')

it('a program serves it: the states of a worker, and nothing else', async () => {
  const app = lab().app()
  const worker = new Worker(app, { logger: false })
  const api = createWorkerHttp(worker)
  const look = async (path: string, method = 'GET'): Promise<[number, unknown]> => {
    const response = await api.request(path, { method })
    return [response.status, path === '/metrics' ? undefined : await response.json()]
  }
  expect(await look('/readyz')).toEqual([503, { status: 'unavailable', reason: 'it does not run' }])
  const starting = worker.start()
  expect(await look('/readyz')).toEqual([503, { status: 'unavailable', reason: 'it starts' }])
  await starting
  expect(await look('/readyz')).toEqual([200, { status: 'ok' }])
  expect(await look('/livez')).toEqual([200, { status: 'ok' }])
  expect((await look('/metrics'))[0]).toBe(200)
  expect((await look('/livez', 'POST'))[0]).toBe(405)
  expect((await look('/v1/jobs'))[0]).toBe(404)
  const stopping = worker.stop()
  expect(worker.health).toEqual({ ready: false, live: true, reason: 'it stops' })
  await stopping
})
