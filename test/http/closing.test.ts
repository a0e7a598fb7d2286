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
