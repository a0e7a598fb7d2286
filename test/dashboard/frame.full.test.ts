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
  const isFocused = (title: string) =>
    page.waitForFunction(
      `document.activeElement?.matches('main h1') && document.activeElement.textContent === '${title}'`,
    )
  await isFocused('Queues')
  await page.goBack()
  await isFocused('Overview')
  await page.keyboard.press('g')
  await page.keyboard.press('w')
  await page.getByRole('heading', { level: 1, name: 'Workers' }).waitFor()
  await page.keyboard.press('?')
  await page.getByRole('dialog', { name: 'Keys' }).getByText('Go to Health').waitFor()
  expect(await page.getByRole('dialog').getByText('Search', { exact: true }).count()).toBe(0)
  await page.keyboard.press('Escape')
  await page.getByRole('dialog').waitFor({ state: 'detached' })
  await page.goto(`${scene.url}#/call?q=none`)
  await isFocused('Call a task')
  await page.keyboard.press('/')
  await page.keyboard.press('Escape')
  expect(await page.evaluate('document.activeElement.id')).toBe('main')
  expect(await page.getByLabel('Find a task').inputValue()).toBe('none')
  await page.getByRole('button', { name: 'Colors: system' }).click()
  await page.getByRole('button', { name: 'Colors: light' }).click()
  expect(await page.evaluate('getComputedStyle(document.documentElement).colorScheme')).toBe('dark')
  await expectAccessible(page)
  await page.setViewportSize({ width: 360, height: 640 })
  await expectNoOverflow(page)
  const pages = page.getByRole('button', { name: 'Pages' })
  await pages.click()
  await expectAccessible(page)
  for (const link of await page.getByRole('navigation').getByRole('link').all())
    expect((await link.locator('span').boundingBox())?.width).toBeGreaterThan(20)
  await page.getByRole('navigation').getByRole('link', { name: 'Schedules' }).click()
  await isFocused('Schedules')
  expect(await pages.getAttribute('aria-expanded')).toBe('false')
  await page.goto(`${scene.url}#/nowhere`)
  await isFocused('No such page')
  expect(await page.title()).toBe('No such page · celeriac')
  await page.getByRole('link', { name: 'overview', exact: true }).click()
  await isFocused('Overview')
  await page.setViewportSize({ width: 3840, height: 900 })
  const { x, width } = (await page.locator('main').boundingBox()) as { x: number; width: number }
  expect(x + width / 2).toBeCloseTo((184 + 3840) / 2, -1)
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
  await page.getByLabel('Token').fill('пароль')
  await page.getByRole('button', { name: 'Log in' }).click()
  await page.getByRole('alert').getByText('Expected a token of Latin letters').waitFor()
  await page.getByLabel('Token').fill(token)
  await page.keyboard.press('Enter')
  await page.getByRole('navigation').getByRole('link', { name: 'Queues' }).click()
  await page.getByText('ops · viewer').waitFor()
  await page.route('**/v1/**', (route) => route.fulfill({ status: 401, body: '' }))
  await page.getByRole('navigation').getByRole('link', { name: 'Workers' }).click()
  await page.getByText('does not accept the token of before').waitFor()
  await page.unroute('**/v1/**')
  await page.getByLabel('Token').fill(token)
  await page.keyboard.press('Enter')
  await page.getByRole('button', { name: 'Log out' }).click()
  await page.getByLabel('Token').waitFor()
  expect(await page.getByText('of before').count()).toBe(0)
  await page.close()
  await closed[Symbol.asyncDispose]()
})

test('who has no role reads which one a page needs, and the page asks nothing', async () => {
  const token = 'a-token-of-sixteen-or-more'
  await using own = await startDashboard({ http: { authorize: bearer({ [token]: { id: 'ann' } }) } })
  const page = await browser().newPage()
  await page.goto(own.url)
  await page.getByLabel('Token').fill(token)
  await page.keyboard.press('Enter')
  await page.getByText('You see your own jobs').waitFor()
  const asked: string[] = []
  page.on('request', (request) => asked.push(request.url()))
  for (const title of ['Queues', 'Workers', 'Schedules', 'Health']) {
    const link = page.getByRole('navigation').getByRole('link', { name: title })
    expect(await link.getAttribute('title')).toBe('This needs the role viewer')
    await link.click()
    await page.getByRole('heading', { level: 1, name: title }).waitFor()
    await page.getByText('This needs the role viewer.').waitFor()
  }
  expect(asked).toEqual([])
  await expectAccessible(page)
  await page.close()
})
