import { readdir, readFile } from 'node:fs/promises'
import { stripTypeScriptTypes } from 'node:module'
import { Hono } from 'hono'
import { expect, test } from 'vitest'
import { createHttp } from '../../src/http/api.ts'
import { serve } from '../../src/http/server/serve.ts'
import { Celeriac } from '../../src/index.ts'
import { createLogger } from '../../src/std/log.ts'
import { Worker } from '../../src/worker/worker.ts'
import { useBrowser, watchPage } from '../http/browser.ts'

const folder = new URL('../../src/client/', import.meta.url)
const browser = useBrowser()

test('in Chromium: the parts of a task, by the client and by an EventSource', async () => {
  await using app = new Celeriac({ broker: 'memory:', logger: createLogger('silent') })
  const write = app.task({
    name: 'write',
    input: anything,
    exposeLogs: true,
    run: async (_: unknown, ctx) => {
      ctx.log.info({ model: 'small' }, 'begins')
      for (const word of ['Once', ' upon', ' a\n', '"time"']) await ctx.chunk(word)
      return 'end'
    },
  })
  const worker = new Worker(app)
  await worker.start()
  const outer = new Hono()
  const files = await readdir(folder, { recursive: true })
  outer.get('/client/:file{.+[.]ts}', async (c) => {
    const name = files.find((file) => file === c.req.param('file'))
    if (!name) return c.notFound()
    const code = await readFile(new URL(name, folder), 'utf8')
    return c.body(stripTypeScriptTypes(code), 200, { 'content-type': 'text/javascript' })
  })
  outer.get('/', (c) => c.html('<!doctype html><title>page</title>'))
  outer.route('/', createHttp(app, { expose: [write] }))
  const server = await serve(outer, { port: 0 })
  const page = await browser().newPage()
  const watch = await watchPage(page, server.url)
  await page.goto(`${server.url}/`)
  const script = `(async () => {
    const { createClient } = await import('/client/client.ts')
    const job = await createClient('/').submit('write', {})
    const text = []
    const lines = []
    for await (const event of job.events()) {
      if (event.type === 'chunk') text.push(event.data)
      if (event.type === 'log') lines.push([event.attempt, event.level, event.message, event.fields])
    }
    const again = await new Promise((resolve) => {
      const heard = []
      const events = new EventSource('/v1/jobs/' + job.id + '/events?last_event_id=4')
      events.addEventListener('chunk', ({ data, lastEventId }) => heard.push([lastEventId, JSON.parse(data).data]))
      events.addEventListener('result', () => { events.close(); resolve(heard) })
    })
    const parts = []
    const result = await createClient('/').run('write', {}, { onChunk: (part, attempt) => parts.push([part, attempt]) })
    return { text, lines, again, parts, result }
  })()`
  expect(await page.evaluate(script)).toEqual({
    text: ['Once', ' upon', ' a\n', '"time"'],
    lines: [[1, 'info', 'begins', { model: 'small' }]],
    again: [
      ['5', ' upon'],
      ['6', ' a\n'],
      ['7', '"time"'],
    ],
    parts: [
      ['Once', 1],
      [' upon', 1],
      [' a\n', 1],
      ['"time"', 1],
    ],
    result: 'end',
  })
  expect(watch).toEqual({ strays: [], faults: [] })
  await page.close()
  await server.close()
  await worker.stop({ grace: 0 })
})

/** A schema that takes whatever it is given. */
const anything = {
  '~standard': { version: 1, vendor: 'test', validate: (value: unknown) => ({ value }) },
} as const
