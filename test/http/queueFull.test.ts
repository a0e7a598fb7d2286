import { expect, test } from 'vitest'
import { build } from './house.ts'

test('a full queue: 503 with Retry-After, and a repeat with the same key is no new job', async () => {
  await using house = await build('sqlite:', (app) => [app.task('work', (n: number) => n)], {
    app: { maxQueueLength: 1 },
  })
  const keyed = { 'idempotency-key': '"first"' }
  const first = await house.post('/v1/tasks/work', [1], keyed)
  expect(first.status).toBe(202)
  const full = await house.post('/v1/tasks/work', [2], { 'idempotency-key': '"second"' })
  expect([full.status, full.headers['retry-after'], full.headers['content-type']]).toEqual([
    503,
    '5',
    'application/problem+json',
  ])
  expect(full.json).toMatchObject({ type: 'urn:celeriac:problem:queue-full', status: 503, detail: 'try again later' })
  const again = await house.post('/v1/tasks/work', [1], keyed)
  expect([again.status, again.headers.location]).toEqual([202, first.headers.location])
  await house.app.purge()
  // The key of the refused call is free.
  expect((await house.post('/v1/tasks/work', [2], { 'idempotency-key': '"second"' })).status).toBe(202)
  const metrics = await house.ask('GET', '/metrics')
  if (metrics.status === 200) expect(metrics.text).toMatch(/celeriac_queue_max_messages\{queue="celery"\} 1/)
})

test('a job larger than the bytes of its queue: 413; one that has no room now: 503', async () => {
  await using house = await build('sqlite:', (app) => [app.task('work', (text: string) => text)], {
    app: { maxQueueBytes: 8000 },
  })
  const large = await house.post('/v1/tasks/work', ['x'.repeat(9000)])
  expect([large.status, large.headers['retry-after']]).toEqual([413, undefined])
  expect(large.json).toMatchObject({ type: 'urn:celeriac:problem:body-too-large' })
  expect((large.json as { detail: string }).detail).toMatch(/maxQueueBytes is 8000, which never fit/)
  expect((await house.post('/v1/tasks/work', ['x'.repeat(5000)])).status).toBe(202)
  const full = await house.post('/v1/tasks/work', ['x'.repeat(5000)])
  expect([full.status, full.headers['retry-after']]).toEqual([503, '5'])
})
