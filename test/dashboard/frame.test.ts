import { afterAll, beforeAll, expect, test } from 'vitest'
import { bearer } from '../../src/http/access/auth.ts'
import { createHttp } from '../../src/http/api.ts'
import { Celeriac } from '../../src/index.ts'
import {
  type DashboardScene,
  expectAccessible,
  expectNoOverflow,
  openPage,
  startDashboard,
  useBrowser,
} from './scene.ts'

const browser = useBrowser()
let scene: DashboardScene
beforeAll(async () => {
  scene = await startDashboard()
})
afterAll(() => scene[Symbol.asyncDispose]())

test('the files have a strict policy, names that change with them, and gzip where it is wanted', async () => {
  const response = await fetch(scene.url, { headers: { 'accept-encoding': 'identity' } })
  expect(response.headers.get('content-security-policy')).toContain("default-src 'none'")
  const html = await response.text()
  expect(html).not.toMatch(/<script(?![^>]* src=)|<style| on\w+=|https?:/)
  const files = [...html.matchAll(/(?:src|href)="(dashboard\/[^"]+)"/g)].map(([, path]) => path)
  expect(files).toHaveLength(2)
  for (const path of files) {
    const file = await fetch(new URL(path as string, scene.url))
    expect([file.status, file.headers.get('content-encoding')]).toEqual([200, 'gzip'])
    expect(file.headers.get('cache-control')).toContain('immutable')
    const etag = file.headers.get('etag') as string
    expect((await fetch(new URL(path as string, scene.url), { headers: { 'if-none-match': etag } })).status).toBe(304)
  }
  expect((await fetch(`${scene.url}/`, { redirect: 'manual' })).headers.get('location')).toBe('../dashboard')
  for (const path of ['/main.tsx', '/..%2Fapi.ts', '/index.html.map'])
    expect((await fetch(scene.url + path)).status).toBe(404)
})

test('the option needs a fleet, and is off by itself', async () => {
  const app = new Celeriac({ broker: 'memory:' })
  expect(() => createHttp(app, { expose: [], dashboard: true })).toThrow('http: dashboard: expected the option `fleet`')
  expect((await createHttp(app, { expose: [], fleet: { open: true } }).request('/dashboard')).status).toBe(404)
  await app.close()
})

test('the navigation, by mouse and by keys, in light, dark, and on a small screen', async () => {
  const { page, watch } = await openPage(browser(), scene)
  await expectAccessible(page)
  await page.getByRole('navigation').getByRole('link', { name: 'Queues' }).click()
  await page.getByRole('heading', { level: 1, name: 'Queues' }).waitFor()
  await page.keyboard.press('g')
  await page.keyboard.press('w')
  await page.getByRole('heading', { level: 1, name: 'Workers' }).waitFor()
  await page.keyboard.press('?')
  await page.getByRole('dialog', { name: 'Keys' }).getByText('Go to Health').waitFor()
  await page.keyboard.press('Escape')
  await page.getByRole('dialog').waitFor({ state: 'detached' })
  await page.getByRole('button', { name: 'Colors: system' }).click()
  await page.getByRole('button', { name: 'Colors: light' }).click()
  expect(await page.evaluate('getComputedStyle(document.documentElement).colorScheme')).toBe('dark')
  await expectAccessible(page)
  await page.setViewportSize({ width: 360, height: 640 })
  await expectNoOverflow(page)
  await page.goto(`${scene.url}#/nowhere`)
  await page.getByText('There is no such page').waitFor()
  expect(watch).toEqual({ strays: [], faults: [] })
  await page.close()
})

test('a page asks for the token that the API wants', async () => {
  const token = 'a-token-of-sixteen-or-more'
  const closed = await startDashboard({ http: { authorize: bearer({ [token]: { id: 'ops', scopes: ['viewer'] } }) } })
  const page = await browser().newPage()
  await page.goto(closed.url)
  await page.getByLabel('Token').fill('wrong')
  await page.getByRole('button', { name: 'Log in' }).click()
  await page.getByRole('alert').getByText('refuses').waitFor()
  await page.getByLabel('Token').fill(token)
  await page.keyboard.press('Enter')
  await page.getByRole('navigation').getByRole('link', { name: 'Queues' }).click()
  await page.getByText('ops · viewer').waitFor()
  await page.getByRole('button', { name: 'Log out' }).click()
  await page.getByLabel('Token').waitFor()
  await page.close()
  await closed[Symbol.asyncDispose]()
})
