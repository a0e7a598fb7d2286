import { once } from 'node:events'
import { Hono } from 'hono'
import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { bearer } from '../../src/http/access/auth.ts'
import { createHttp } from '../../src/http/api.ts'
import { serve } from '../../src/http/server/serve.ts'
import { Celeriac } from '../../src/index.ts'
import { isFull } from '../tier.ts'
import { useBrowser, type Watch, watchPage } from './browser.ts'
import { problemOf } from './harness.ts'
import { PIXEL, type Scene, startScene } from './scene.ts'

const browser = useBrowser()
let scene: Scene
beforeAll(async () => {
  scene = await startScene()
})
afterAll(() => scene[Symbol.asyncDispose]())

describe('the files of the page', () => {
  test('are served with a strict policy, and an entity tag', async () => {
    const response = await fetch(`${scene.url}/docs`)
    expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8')
    const policy = response.headers.get('content-security-policy') as string
    expect(policy).toContain("default-src 'none'")
    expect(policy).not.toMatch(/unsafe|https?:|\*/)
    const html = await response.text()
    expect(html).not.toMatch(/<script(?![^>]* src=)|<style| on\w+=|https?:/)
    const etag = response.headers.get('etag') as string
    expect((await fetch(`${scene.url}/docs`, { headers: { 'if-none-match': etag } })).status).toBe(304)
    for (const [, path] of html.matchAll(/(?:src|href)="(docs\/[^"]+)"/g))
      expect((await fetch(`${scene.url}/${path}`)).status, path).toBe(200)
  })

  test('are no way to other files', async () => {
    for (const path of ['/docs/../api.ts', '/docs/%2e%2e/api.ts', '/docs/index.html', '/docs/other.js'])
      await problemOf(await fetch(scene.url + path), 404, 'not-found')
    await problemOf(await fetch(`${scene.url}/docs`, { method: 'POST' }), 405, 'method-not-allowed')
  })

  test('are not there when they are not wanted', async () => {
    const api = createHttp(new Celeriac({ broker: 'memory:' }), { expose: [], docs: false })
    expect((await api.request('/docs')).status).toBe(404)
  })
})

describe('in Chromium, without a network', () => {
  let page: Page
  let watch: Watch
  beforeEach(async () => {
    page = await browser().newPage()
    page.setDefaultTimeout(10_000)
    watch = await watchPage(page, scene.url)
  })
  afterEach(async () => {
    expect(watch).toEqual({ strays: [], faults: [] })
    await page.close()
  })

  const open = async (task: string): Promise<void> => {
    await page.goto(`${scene.url}/docs`)
    await page.getByRole('navigation').getByRole('link', { name: task }).click()
    await page.getByRole('heading', { level: 1, name: task }).waitFor()
  }
  const run = (): Promise<void> => page.getByRole('button', { name: 'Call', exact: true }).click()

  test('a task is shown, called, followed to its result', async () => {
    await open('reports.render')
    expect(await page.getByRole('row', { name: /title required/ }).textContent()).toContain('What it is about')
    await page.getByLabel('title').fill('Fourth <b>quarter</b>')
    await page.getByLabel('pages').fill('8')
    // Each value that the bar has, however late the test looks.
    await page.evaluate(`
      window.values = []
      const look = () => window.values.push(...Array.from(document.querySelectorAll('progress'), (bar) => bar.value))
      new MutationObserver(look).observe(document.body, { childList: true, subtree: true, attributes: true })
    `)
    await run()
    await page.getByRole('status').getByText('SUCCESS').waitFor()
    const values = (await page.evaluate('window.values')) as number[]
    expect(Math.min(...values)).toBeLessThan(1)
    expect(await page.getByRole('region', { name: 'Result', exact: true }).textContent()).toContain('"pages": 8')
    await page.getByText('Events', { exact: true }).click()
    const log = (await page.getByRole('log').textContent()) ?? ''
    expect(log.match(/^progress/gm)?.length).toBeGreaterThan(3)
    expect(log.match(/^result/gm)).toHaveLength(1)
  })

  if (isFull)
    test('what does not fit is told at its field; the same as JSON', async () => {
      await open('reports.render')
      await page.getByLabel('pages').fill('99')
      await run()
      await page.getByRole('alert').getByText('20').waitFor()
      expect(await page.getByLabel('pages').getAttribute('aria-invalid')).toBe('true')
      await page.getByRole('button', { name: 'Edit as JSON' }).click()
      expect(JSON.parse(await page.getByLabel('Input as JSON').inputValue())).toMatchObject({ pages: 99 })
      await page.getByLabel('Input as JSON').fill('{"title": "x", "pages": 1}')
      await run()
      await page.getByRole('status').getByText('SUCCESS').waitFor()
    })

  if (isFull)
    test('where events do not get through, the job is asked for', async () => {
      await page.route('**/events', (route) => route.abort())
      await open('reports.render')
      await run()
      await page.getByRole('progressbar').waitFor()
      await page.getByRole('status').getByText('SUCCESS').waitFor()
    })

  if (isFull)
    test('a failure, a picture, and a job that is cancelled', async () => {
      await open('fail')
      await page.getByLabel('message').fill('too <i>far</i>')
      await run()
      expect(await page.locator('.notice').textContent()).toBe('RangeError: too <i>far</i>')
      await open('images.pixel')
      await run()
      await page.getByRole('img', { name: 'The result' }).waitFor()
      await open('held')
      await run()
      await page.getByText('step 1').waitFor()
      await page.getByRole('button', { name: 'Cancel' }).click()
      await page.getByRole('status').getByText('REVOKED').waitFor()
    })

  if (isFull)
    test('tasks are found, and reached by keyboard', async () => {
      await page.goto(`${scene.url}/docs`)
      await page.keyboard.press('Tab')
      expect(await page.locator(':focus').textContent()).toBe('Skip to content')
      await page.getByRole('searchbox').fill('REPORT')
      expect(await page.getByRole('navigation').getByRole('listitem').allTextContents()).toEqual(['reports.render'])
      await page.getByRole('navigation').getByRole('link').focus()
      await page.keyboard.press('Enter')
      await page.getByRole('heading', { level: 1, name: 'reports.render' }).waitFor()
      expect(await page.locator(':focus').textContent()).toBe('reports.render')
    })
})

describe('the form', () => {
  let page: Page
  let form: Scene
  beforeAll(async () => {
    form = await startScene({ expose: [] })
  })
  afterAll(() => form[Symbol.asyncDispose]())

  async function open(name: string): Promise<void> {
    const { app } = form
    const order = app.task({
      name: `${name}.order`,
      input: z.object({
        email: z.email(),
        at: z.iso.datetime(),
        note: z.string().min(3),
        count: z.int().min(2),
        tags: z.array(z.string()).default([]),
        address: z.object({ city: z.string() }).optional(),
      }),
      run: async (input, ctx) => {
        if (input.note === 'retry' && ctx.attempt === 1) throw new RangeError('not yet')
        if (input.note === 'until cancelled' && !ctx.signal.aborted) await once(ctx.signal, 'abort')
        return input
      },
      retry: { max: 1, delay: '500ms' },
    })
    const speak = app.task({
      name: `${name}.speak`,
      input: z.object({}),
      exposeLogs: true,
      run: async (_, ctx) => {
        await ctx.chunk('one ')
        await ctx.chunk('two')
        ctx.log.info({ of: 'the log' }, 'a line')
      },
    })
    const size = app.task(`${name}.size`, (bytes: Uint8Array) => bytes.length, { accepts: 'image/*' })
    const sum = app.task(`${name}.sum`, (x: number, y: number) => x + y, { params: { x: z.number(), y: z.number() } })
    const server = await serve(createHttp(app, { expose: [order, speak, size, sum] }), { port: 0 })
    onTestFinished(() => server.close())
    page = await browser().newPage()
    page.setDefaultTimeout(10_000)
    onTestFinished(() => page.close())
    await page.goto(`${server.url}/docs`)
  }
  const go = async (task: string): Promise<void> => {
    await page.getByRole('navigation').getByRole('link', { name: task }).click()
    await page.getByRole('heading', { level: 1, name: task }).waitFor()
  }
  const press = (name: string): Promise<void> => page.getByRole('button', { name, exact: true }).click()
  const run = (): Promise<void> => press('Call')
  const curl = async (): Promise<string> => (await page.getByRole('region', { name: 'Command' }).textContent()) ?? ''

  test('begins with values that succeed; an array and an object are fields of their own; curl follows', async () => {
    await open('a')
    await go('a.order')
    expect(await page.getByLabel('email').inputValue()).toMatch(/@/)
    await press('Set tags')
    for (const tag of ['red', 'blue']) {
      await press('Add an item tags')
      await page.locator(':focus').fill(tag)
    }
    await press('Set address')
    await page.getByLabel('city').fill('Graz')
    await page.getByLabel('note').fill("it's new")
    expect(await curl()).toContain(`"note":"it'\\''s new"`)
    expect(await curl()).toContain('"tags":["red","blue"],"address":{"city":"Graz"}')
    expect(await page.getByRole('main').textContent()).not.toContain('matches')
    await run()
    await page.getByRole('status').getByText('SUCCESS').waitFor()
    expect(await page.getByRole('region', { name: 'Result', exact: true }).textContent()).toContain('"Graz"')
    await press('Edit as JSON')
    await page.getByLabel('Input as JSON').fill('{"tags": ["red"')
    await run()
    await page.getByRole('alert').getByText('Not JSON').waitFor()
    expect(await page.getByLabel('Input as JSON').getAttribute('aria-invalid')).toBe('true')
  })

  if (isFull)
    test('a second run keeps the first; a retry is shown with its error', async () => {
      await open('b')
      await go('b.order')
      await run()
      await page.getByRole('status').getByText('SUCCESS').waitFor()
      await page.getByLabel('note').fill('retry')
      await run()
      await page
        .getByText(/RangeError: not yet/)
        .first()
        .waitFor()
      await expect.poll(() => page.getByRole('status').getByText('SUCCESS').count(), { timeout: 10_000 }).toBe(2)
    })

  if (isFull)
    test('parts of the output and lines of the log are shown', async () => {
      await open('c')
      await go('c.speak')
      await run()
      await page.getByRole('status').getByText('SUCCESS').waitFor()
      const output = await page.getByRole('region', { name: 'Output' }).textContent()
      expect(output).toContain('one two')
      expect(output).toContain('info a line {"of":"the log"}')
    })

  if (isFull)
    test('a file is sent as it is; parameters have fields', async () => {
      await open('d')
      await go('d.size')
      await page.getByLabel('File').setInputFiles({ name: 'dot.png', mimeType: 'image/png', buffer: PIXEL })
      expect(await curl()).toContain("--data-binary '@dot.png'")
      await run()
      await page.getByRole('status').getByText('SUCCESS').waitFor()
      expect(await page.getByRole('region', { name: 'Result', exact: true }).textContent()).toBe(String(PIXEL.length))
      await go('d.sum')
      await page.getByLabel('x').fill('2')
      await page.getByLabel('y').fill('40')
      expect(await curl()).toContain("--json '[2,40]'")
      await run()
      await page.getByRole('status').getByText('SUCCESS').waitFor()
      expect(await page.getByRole('region', { name: 'Result', exact: true }).textContent()).toBe('42')
    })

  if (isFull)
    test('the skip link stays on the task; a search without a hit says so; the focus stays where a job was cancelled', async () => {
      await open('e')
      await go('e.order')
      await page.locator('.skip').focus()
      await page.keyboard.press('Enter')
      expect(await page.getByRole('heading', { level: 1 }).textContent()).toBe('e.order')
      expect(await page.locator(':focus').getAttribute('id')).toBe('main')
      await page.getByRole('searchbox').fill('nothing')
      await page.getByRole('status').getByText('No task has “nothing” in its name.').waitFor()
      await page.getByLabel('note').fill('until cancelled')
      await run()
      await page.getByRole('button', { name: 'Cancel' }).focus()
      await page.keyboard.press('Enter')
      await page
        .getByRole('status')
        .getByText(/REVOKED|SUCCESS/)
        .waitFor()
      expect(await page.locator(':focus').getAttribute('role')).toBe('status')
    })
})

if (isFull)
  test('mounted below a path', async () => {
    const outer = new Hono().route('/api', createHttp(scene.app, { expose: [scene.tasks.add] }))
    const server = await serve(outer, { port: 0 })
    const page = await browser().newPage()
    await page.goto(`${server.url}/api/docs#/tasks/math.add`)
    await page.getByLabel('x').fill('20')
    await page.getByLabel('y').fill('22')
    await page.getByRole('button', { name: 'Call', exact: true }).click()
    await page.getByRole('region', { name: 'Result', exact: true }).getByText('42').waitFor()
    await page.close()
    await server.close()
  })

test('where one must say who one is', async () => {
  await using secured = await startScene({ authorize: bearer({ 'token-of-ada-1234': 'ada' }) })
  const page = await browser().newPage()
  await page.goto(`${secured.url}/docs#/tasks/reports.render`)
  await page.getByRole('heading', { name: 'Who are you?' }).waitFor()
  await page.getByLabel('Token').fill('token-of-ada-1234')
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByRole('button', { name: 'Call', exact: true }).click()
  await page.getByRole('progressbar').waitFor()
  await page.getByRole('status').getByText('SUCCESS').waitFor()
  await page.close()
})
