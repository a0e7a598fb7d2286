import { afterAll, beforeAll, expect, test } from 'vitest'
import { createClient } from '../../../src/client/client.ts'
import { version } from '../../../src/std/version.ts'
import { Worker } from '../../../src/worker/worker.ts'
import { RedisServer } from '../../redis/server.ts'
import { traces } from '../../secrets.ts'
import { Contract, ValidatingProxy } from '../contract.ts'
import { build, type House } from '../house.ts'
import { authorize, PEOPLE, type Person } from './people.ts'

const SECRET = 's3cretofthestore'

let redis: RedisServer
let house: House
let proxy: ValidatingProxy
beforeAll(async () => {
  redis = await RedisServer.start({ requirepass: SECRET })
  house = await build(`redis://:${SECRET}@127.0.0.1:${redis.port}/0`, (app) => [app.task('add', (a: number) => a)], {
    http: { authorize, fleet: true },
    app: { recorder: { file: ':memory:' } },
  })
  const document = (await house.ask('GET', '/openapi.json', { headers: PEOPLE.admin })).json
  proxy = await ValidatingProxy.start(house.server.url, new Contract(document))
})
afterAll(async () => {
  expect(proxy.contract.breaches).toEqual([])
  await proxy.stop()
  await house[Symbol.asyncDispose]()
  await redis.stop()
})

const clientOf = (who: Person) => createClient(proxy.url, { headers: PEOPLE[who], retries: 0 })

test('what is wrong here, and why a job does not run; the password of the store is nowhere', async () => {
  const client = clientOf('viewer')
  const { id } = await house.app.send('add', [1])
  const before = await client.doctor()
  expect(before).toMatchObject({ version: version(), workers: [] })
  expect(before.findings.map(({ check }) => check)).toEqual(expect.arrayContaining(['no-worker', 'no-consumer']))
  expect(before.stores).toEqual([expect.objectContaining({ url: expect.stringContaining('redis://:**@127.0.0.1') })])
  expect(before.stores[0]?.memory?.used).toBeGreaterThan(0)
  const job = await client.doctor(id)
  expect(job).toMatchObject({ id, findings: [{ check: 'no-consumer', text: expect.stringContaining('celery') }] })
  const text = JSON.stringify([before, job])
  expect(traces(SECRET).filter((trace) => text.includes(trace))).toEqual([])

  const worker = new Worker(house.app, { hostname: 'celeriac@a', concurrency: 1 })
  await worker.start()
  try {
    await house.app.result(id).get({ timeout: '20s' })
    const after = await client.doctor()
    expect(after.workers).toEqual([{ name: 'celeriac@a', version: version(), ready: true, quiet: false }])
    expect(after.findings.map(({ check }) => check)).not.toContain('no-worker')
    expect((await client.doctor(id)).findings[0]).toMatchObject({ check: 'ended' })
    expect((await client.doctor('no such job')).findings[0]).toMatchObject({ check: 'unknown-job' })
  } finally {
    await worker.stop()
  }
})

test('for viewers alone; one examination for all who ask at once, four of different jobs', async () => {
  await expect(clientOf('other').doctor()).rejects.toMatchObject({ status: 403 })
  await expect(clientOf('other').doctor('id')).rejects.toMatchObject({ status: 403 })
  expect((await fetch(`${proxy.url}/v1/doctor`)).status).toBe(401)
  const many = await Promise.all(Array.from({ length: 20 }, () => clientOf('operator').doctor()))
  expect(new Set(many.map(({ findings }) => JSON.stringify(findings))).size).toBe(1)
  const jobs = Array.from({ length: 9 }, (_, at) => clientOf('admin').doctor(`job ${at}`))
  const ends = await Promise.allSettled(jobs)
  const refused = ends.filter((end) => end.status === 'rejected')
  expect(refused).toHaveLength(5)
  for (const end of refused) expect(end).toMatchObject({ reason: { status: 503, kind: 'overloaded' } })
  const headers = PEOPLE.viewer
  expect((await fetch(`${proxy.url}/v1/doctor?job=1`, { headers })).status).toBe(400)
  expect((await fetch(`${proxy.url}/v1/doctor/jobs/${'a'.repeat(256)}`, { headers })).status).toBe(404)
  expect((await fetch(`${house.server.url}/v1/doctor`, { method: 'POST', headers })).status).toBe(403)
})
