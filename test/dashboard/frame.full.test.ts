import { afterAll, beforeAll, expect, test } from 'vitest'
import { bearer } from '../../src/http/access/auth.ts'
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
