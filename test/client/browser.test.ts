import { readdir, readFile } from 'node:fs/promises'
import { stripTypeScriptTypes } from 'node:module'
import { Hono } from 'hono'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createHttp } from '../../src/http/api.ts'
import { serve } from '../../src/http/server/serve.ts'
import { useBrowser, watchPage } from '../http/browser.ts'
import { PIXEL, type Scene, startScene } from '../http/scene.ts'

const folder = new URL('../../src/client/', import.meta.url)
const browser = useBrowser()
let scene: Scene
beforeAll(async () => {
  scene = await startScene()
})
afterAll(() => scene[Symbol.asyncDispose]())

test('the client needs nothing of Node and nothing of the server', async () => {
  for (const file of (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('.ts'))) {
    const code = stripTypeScriptTypes(await readFile(new URL(file, folder), 'utf8'))
    for (const [, target] of code.matchAll(/from '([^']+)'/g))
      expect(target, file).toMatch(/^\.{1,2}\/(?:fleet\/)?\w+\.ts$/)
    expect(code, file).not.toMatch(/\b(?:process|Buffer|require)\b/)
  }
})

test('in Chromium, as modules without a bundler: results, bytes, progress, events, problems', async () => {
  const outer = new Hono()
  outer.get('/client/:file{.+[.]ts}', async (c) => {
    const code = await readFile(new URL(c.req.param('file'), folder), 'utf8')
    return c.body(stripTypeScriptTypes(code), 200, { 'content-type': 'text/javascript' })
  })
  outer.get('/', (c) => c.html('<!doctype html><title>page</title>'))
  outer.route('/', createHttp(scene.app, { expose: Object.values(scene.tasks) }))
  const server = await serve(outer, { port: 0 })
  const page = await browser().newPage()
  const watch = await watchPage(page, server.url)
  await page.goto(`${server.url}/`)
  const script = `(async () => {
    const { createClient, ProblemError } = await import('/client/client.ts')
    const client = createClient('/')
    const pages = []
    const report = await client.run('reports.render', { title: 'x', pages: 3 }, { onProgress: ({ page }) => pages.push(page) })
    const types = []
    const handle = await client.submit('math.add', [1, 2])
    for await (const event of handle.events()) types.push(event.type)
    const problem = await client.run('fail', ['too far']).catch((error) => error instanceof ProblemError && error.kind)
    const held = await client.submit('held', {})
    const stop = new AbortController()
    setTimeout(() => stop.abort('enough'), 50)
    const stopped = await held.result({ signal: stop.signal }).catch((error) => error)
    const { state } = await held.cancel()
    const big = await client.run('echo', [{ n: 12345678901234567890n }])
    return {
      sum: await client.run('math.add', [20, 22]),
      picture: Array.from(await client.run('images.pixel', [])),
      report, pages, last: types.at(-1), problem, stopped, ended: typeof state, big: String(big.n),
    }
  })()`
  expect(await page.evaluate(script)).toEqual({
    sum: 42,
    picture: [...PIXEL],
    report: { url: '/reports/x.pdf', pages: 3 },
    pages: [1, 2, 3],
    last: 'result',
    problem: 'job-failed',
    stopped: 'enough',
    ended: 'string',
    big: '12345678901234567890',
  })
  expect(watch).toEqual({ strays: [], faults: [] })
  await page.close()
  await server.close()
})
