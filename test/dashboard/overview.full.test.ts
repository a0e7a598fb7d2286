import { afterAll, beforeAll, expect, test } from 'vitest'
import { bearer } from '../../src/http/access/auth.ts'
import type { Celeriac } from '../../src/index.ts'
import { Worker } from '../../src/worker/worker.ts'
import { RedisServer } from '../redis/server.ts'
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
let worker: Worker
beforeAll(async () => {
  scene = await startDashboard({ define })
  worker = new Worker(scene.app, { hostname: 'celeriac@one', concurrency: 3 })
  await worker.start()
})
afterAll(async () => {
  await worker.stop()
  await scene[Symbol.asyncDispose]()
})

function define(app: Celeriac): void {
  app.task('math.add', (x: number, y: number) => x + y)
  app.task('<b>bad</b>\u202e', () => {
    throw new RangeError('no')
  })
}

async function call(name: string, ...args: unknown[]): Promise<void> {
  await scene.app.tasks
    .get(name)
    ?.delay(...(args as never[]))
    .get()
    .catch((error: Error) => error)
}

test('numbers, charts and tasks follow what happens, without another load', async () => {
  const { page, watch } = await openPage(browser(), scene)
  const tile = (name: string) => page.locator('.tile').filter({ hasText: new RegExp(`^${name}`) })
  await tile('Workers').getByText('1', { exact: true }).waitFor()
  await tile('Running').getByText('of 3 slots').waitFor()
  await page.getByText('No task ran in 5 min').waitFor()
  for (const x of [1, 2, 3]) await call('math.add', x, 1)
  await call('<b>bad</b>\u202e')
  await tile('Finished').getByText('4', { exact: true }).waitFor()
  await tile('Failed').getByText('25 %').waitFor()
  await page.getByRole('figure').first().locator('.drawing path.line').first().waitFor()
  await page
    .getByRole('figure')
    .first()
    .getByText(/Finished [0-4]/)
    .waitFor()

  await page.reload()
  const row = page.getByRole('row', { name: /math.add/ })
  await row.waitFor()
  expect((await row.getByRole('cell').allTextContents()).slice(0, 4)).toEqual(['math.add', '3', '0 % (0)', '0'])
  expect(await page.getByRole('row').nth(2).getByRole('cell').first().textContent()).toBe('<b>bad</b>\\u202e')
  await page.getByRole('button', { name: 'Failed' }).click()
  expect(await page.getByRole('row').nth(1).getByRole('cell').nth(1).textContent()).toBe('1')
  for (const range of ['1 hour', '24 hours', '30 days']) {
    await page.getByRole('radio', { name: range }).check()
    await page.getByRole('row', { name: /math.add/ }).waitFor()
  }
  expect(page.url()).toMatch(/#\/\?range=30d$/)
  await expectAccessible(page)
  expect(watch).toEqual({ strays: [], faults: [] })
  await page.close()
})

test('in the dark, on a small screen, a paused tab closes its stream', async () => {
  const { page } = await openPage(browser(), scene, '', { width: 360, height: 640, dark: true })
  await page.getByRole('row', { name: /math.add/ }).waitFor()
  await page.getByText('Live', { exact: true }).waitFor()
  await expectAccessible(page)
  await expectNoOverflow(page)
  // Chromium without a window has no hidden tabs: the page is shown what it would see then.
  const become = (state: string) =>
    page.evaluate(`Object.defineProperty(document, 'visibilityState', { value: '${state}', configurable: true })
      document.dispatchEvent(new Event('visibilitychange'))`)
  await become('hidden')
  await page.getByText('Paused while hidden').waitFor()
  await become('visible')
  await page.getByText('Live', { exact: true }).waitFor()
  await page.close()
})

test('without a role, and where the server fails', async () => {
  const token = 'a-token-of-sixteen-or-more'
  const own = await startDashboard({ define, http: { authorize: bearer({ [token]: { id: 'ann' } }) } })
  const page = await browser().newPage()
  await page.goto(own.url)
  await page.getByLabel('Token').fill(token)
  await page.keyboard.press('Enter')
  await page.getByText('You see your own jobs').waitFor()
  await page.close()
  await own[Symbol.asyncDispose]()

  const failing = await openPage(browser(), scene)
  await failing.page.route('**/v1/stats*', (route) => route.fulfill({ status: 500, body: '' }))
  await failing.page.getByRole('radio', { name: '1 hour' }).check()
  // The stream of the page has begun, and has asked for the numbers once more.
  await failing.page.getByText('Live', { exact: true }).waitFor()
  await failing.page.getByRole('alert').getByText('Internal Server Error').waitFor()
  await failing.page.unroute('**/v1/stats*')
  await failing.page.getByRole('button', { name: 'Try again' }).click()
  await failing.page.getByRole('row', { name: /math.add/ }).waitFor()
  let answer = (): void => undefined
  const late = new Promise<void>((resolve) => {
    answer = resolve
  })
  await failing.page.route('**/v1/me', async (route) => {
    await late
    await route.continue()
  })
  await failing.page.reload()
  await failing.page.getByText('The server has not answered yet').waitFor()
  answer()
  await failing.page.getByRole('heading', { level: 1 }).waitFor()
  await failing.page.unroute('**/v1/me')
  await failing.page.getByRole('row', { name: /math.add/ }).waitFor()
  await failing.page.close()
})

test('while the broker does not answer, the page says since when, and what is old is grey', async () => {
  const redis = await RedisServer.start()
  const own = await startDashboard({ define, broker: redis.url() })
  const one = new Worker(own.app, { hostname: 'celeriac@two', logger: false })
  await one.start()
  const { page } = await openPage(browser(), own)
  await page.getByRole('link', { name: 'Workers 1 all answer' }).waitFor()
  await redis.kill()
  await page
    .locator('.live.troubled')
    .getByText(/(?=.*queues)(?=.*workers).*: the store does not answer since \d\d:\d\d/)
    // The server itself waits for a broker that may come back.
    .waitFor({ timeout: 45_000 })
  await page.getByRole('link', { name: /^Waiting 0 old, of \d\d:\d\d/ }).waitFor()
  await page.getByRole('link', { name: /^Workers 1 old, of \d\d:\d\d/ }).waitFor()
  await expectAccessible(page)
  await page.evaluate("location.hash = '#/jobs'")
  await page
    .locator('.live.troubled')
    .getByText(/^queues: the store does not answer/)
    .waitFor({ timeout: 45_000 })
  await page.evaluate("location.hash = '#/'")
  await redis.start()
  await page.getByText('Live', { exact: true }).waitFor()
  await page.getByRole('link', { name: 'Workers 1 all answer' }).waitFor()
  await page.close()
  await one.stop()
  await own[Symbol.asyncDispose]()
  await redis.stop()
})
