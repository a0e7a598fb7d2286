import { connect } from 'node:net'
import { expect, test } from 'vitest'
import { EventClient } from './eventClient.ts'
import { startService } from './harness.ts'

test('a server that closes ends its streams and long polls at once, whole', async () => {
  await using service = await startService('sqlite:')
  await service.record({ task_id: 'one' })
  const client = new EventClient(service.server.port, '/v1/jobs/one/events')
  await expect.poll(() => client.events.length).toBe(1)
  const headers = { 'if-none-match': '"1"', prefer: 'wait=30' }
  const poll = service.fetch('/v1/jobs/one', { headers })
  // Written after it on the same server: when this is answered, that one waits.
  await service.fetch('/v1/jobs/one')
  const start = performance.now()
  await service.server.close()
  expect(performance.now() - start).toBeLessThan(5000)
  expect(await client.ended).toBe(true)
  expect((await poll).status).toBe(304)
})

test.each(['close', 'retire'] as const)(
  '%s: a call that waits is answered at once, and its job goes on',
  async (end) => {
    await using service = await startService('sqlite:')
    const headers = { prefer: 'wait=30', 'celeriac-cancel-on-disconnect': '1' }
    const call = service.post('/v1/tasks/tasks.add', [1, 2], headers)
    await expect.poll(async () => (await service.app.jobs({})).jobs.length).toBe(1)
    const start = performance.now()
    await service.server[end]()
    expect(performance.now() - start).toBeLessThan(8000)
    const answer = await call
    expect(answer.status).toBe(202)
    const { id } = (await answer.json()) as { id: string }
    expect(answer.headers.get('location')).toBe(`/v1/jobs/${id}`)
    expect(await service.app.result(id).state()).toBe('PENDING')
  },
)

test('a long poll on a kept connection of a server that is replaced is answered at once', async () => {
  await using service = await startService('sqlite:')
  await service.record({ task_id: 'one' })
  const socket = connect(service.server.port, '127.0.0.1')
  let said = ''
  socket.on('data', (chunk) => {
    said += chunk
  })
  socket.write('GET /v1/jobs/one HTTP/1.1\r\nHost: localhost\r\n\r\n')
  await expect.poll(() => said).toContain('"PENDING"')
  const retired = service.server.retire()
  socket.write('GET /v1/jobs/one HTTP/1.1\r\nHost: localhost\r\nIf-None-Match: "1"\r\nPrefer: wait=30\r\n\r\n')
  await expect.poll(() => said, { timeout: 3000 }).toContain('HTTP/1.1 304')
  await retired
})
