import { expect, onTestFinished, test } from 'vitest'
import { createHttp } from '../../src/http/api.ts'
import { serve } from '../../src/http/server/serve.ts'
import { startBrowser } from './browser.ts'
import { startService } from './harness.ts'

/** What a page that follows a job keeps. */
interface Page {
  heard: string[]
  state(): number
}

test('a browser follows a job over a restart of the server, and stops at its end', async () => {
  await using service = await startService('sqlite:')
  const { app } = service
  await service.record({ task_id: 'one' })
  const page = await (await startBrowser()).newPage()
  await page.goto(`${service.server.url}/livez`)
  await page.evaluate(() => {
    const source = new EventSource('/v1/jobs/one/events')
    const heard: string[] = []
    for (const type of ['state', 'progress', 'result', 'error', 'reset'])
      source.addEventListener(type, (event) => {
        const { data, lastEventId } = event as MessageEvent
        if (data !== undefined) heard.push(`${lastEventId} ${type} ${data}`)
      })
    Object.assign(globalThis, { heard, state: () => source.readyState })
  })
  const heard = (): Promise<string[]> => page.evaluate(() => (globalThis as unknown as Page).heard)
  await expect.poll(heard).toHaveLength(1)
  await service.record({ task_id: 'one', status: 'PROGRESS', result: 1 })
  await expect.poll(heard).toHaveLength(2)
  await service.server.close()
  await service.record({ task_id: 'one', status: 'PROGRESS', result: 2 })
  const again = await serve(createHttp(app, { expose: ['tasks.add'] }), { port: service.server.port })
  onTestFinished(() => again.close())
  await expect.poll(heard, { timeout: 10_000 }).toHaveLength(3)
  await service.record({ task_id: 'one', status: 'SUCCESS', result: 'end', date_done: new Date().toISOString() })
  await expect.poll(heard).toHaveLength(4)
  expect(await heard()).toEqual([
    '1 state {"state":"PENDING","attempt":1}',
    '2 progress 1',
    '3 progress 2',
    '4 result "end"',
  ])
  // It comes once more, with the number of the end, and is told by 204 that this was all: CLOSED.
  await expect.poll(() => page.evaluate(() => (globalThis as unknown as Page).state()), { timeout: 10_000 }).toBe(2)
  expect(await heard()).toHaveLength(4)
})
