import type { Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { bearer } from '../../src/http/access/auth.ts'
import type { Celeriac } from '../../src/index.ts'
import { Reject } from '../../src/std/errors.ts'
import { Worker } from '../../src/worker/worker.ts'
import { deadIn } from '../deadLetters.ts'
import { RedisServer } from '../redis/server.ts'
import { eventually } from '../wait.ts'
import {
  type DashboardScene,
  expectAccessible,
  expectNoOverflow,
  expectWhole,
  openPage,
  startDashboard,
  useBrowser,
} from './scene.ts'

const HOSTILE = 'evil <img src=x onerror=alert(1)> \u202eabc'
const TOKENS = { 'a-token-of-a-viewer': { id: 'vic', scopes: ['viewer'] } }
const browser = useBrowser()
let scene: DashboardScene
let worker: Worker
beforeAll(async () => {
  scene = await startDashboard({ define, options: { queues: { mail: { maxQueueLength: 5 } } } })
  worker = new Worker(scene.app, { hostname: 'celeriac@one', queues: ['celery'], logger: false })
  await worker.start()
})
afterAll(async () => {
  await worker.stop()
  await scene[Symbol.asyncDispose]()
})

function define(app: Celeriac): void {
  app.task('mail', (to: string) => to)
  app.task('refuse', (to: string) => {
    throw new Reject(`no address ${to}`)
  })
}

const rowOf = (page: Page, name: string | RegExp) => page.getByRole('row', { name })

async function confirmTyped(page: Page, text: string, action: string): Promise<void> {
  const dialog = page.getByRole('dialog')
  const button = dialog.getByRole('button', { name: action })
  expect(await button.getAttribute('aria-disabled')).toBe('true')
  await dialog.getByRole('textbox').fill(text)
  await button.click()
  await dialog.waitFor({ state: 'hidden' })
}

test('the list follows what waits; a queue is paused, resumed, opened by keys, and purged', async () => {
  const { app } = scene
  const { page, watch } = await openPage(browser(), scene, '#/queues')
  await rowOf(page, /^celery 0 /).waitFor()
  await page.getByText('Live', { exact: true }).waitFor()
  for (const to of ['a', 'b', 'c', 'd']) await app.send('mail', [to], { queue: 'mail' })
  const mail = rowOf(page, /^mail/)
  await mail.getByText('4 of 5').waitFor()
  await mail.getByText('Nearly full').waitFor()
  await mail.getByText('No worker').waitFor()
  await page.getByText('4 waiting').waitFor()

  await mail.getByRole('button', { name: 'Pause queue mail' }).click()
  await mail.getByText('Paused').waitFor()
  expect(await app.limits.paused()).toMatchObject([{ rule: 'queue:mail' }])
  await page.locator('.limits').getByRole('button', { name: 'Resume Queue mail' }).click()
  await mail.getByRole('button', { name: 'Pause queue mail' }).waitFor()
  expect(await app.limits.paused()).toEqual([])
  await expectAccessible(page)

  await page.keyboard.press('?')
  await page.getByRole('dialog').getByText('Next queue, Enter opens it').waitFor()
  await page.keyboard.press('Escape')
  for (const key of ['j', 'j', 'k', 'j', 'Enter']) await page.keyboard.press(key)
  await page.getByRole('heading', { level: 1, name: 'mail' }).waitFor()
  await page.getByRole('button', { name: 'Purge…' }).click()
  await page.getByRole('dialog').getByText('4 messages of the queue mail wait now.').waitFor()
  await confirmTyped(page, 'mail', 'Purge 4 messages')
  await page.getByText('No message waits here now.').waitFor()
  await page.getByText('0 of 5').waitFor()
  expect(watch).toEqual({ strays: [], faults: [] })
  await page.close()
})

test('one queue: who takes from it, what is next with its content, what died; hostile texts are text', async () => {
  const { app } = scene
  const large = 'x'.repeat(10_000_000)
  for (const text of ['<script>alert(1)</script>\u0000\u202e', large])
    await app.send('mail', [text], { queue: HOSTILE })
  await app.send('refuse', ['ann'])
  await eventually(
    () => deadIn(app),
    (count) => count === 1,
  )
  const { page, watch } = await openPage(browser(), scene, `#/queues/${encodeURIComponent(HOSTILE)}`)
  await page.getByRole('heading', { level: 1, name: 'evil <img src=x onerror=alert(1)> \\u202eabc' }).waitFor()
  const details = page.getByRole('button', { name: /^Details of the message/ })
  await details.nth(1).waitFor()
  for (const index of [0, 1]) await details.nth(index).click()
  await page.getByText('<script>alert(1)</script>\\u0000\\u202e').last().waitFor()
  await page.getByRole('button', { name: /10M characters$/ }).waitFor()
  await page.getByRole('region', { name: 'Headers' }).first().waitFor()
  await expectAccessible(page)

  await page.goto(`${scene.url}#/queues/celery`)
  await page.getByRole('link', { name: 'celeriac@one' }).waitFor()
  await page.getByText('Reject: no address ann').waitFor()
  await page.getByRole('figure').getByText('Jobs each minute').waitFor()
  await page.getByRole('link', { name: 'All of this queue' }).click()
  await page.getByRole('heading', { level: 1, name: 'Dead letters' }).waitFor()
  expect(page.url()).toMatch(/#\/dead\?queue=celery$/)

  await page.goto(`${scene.url}#/queues/none`)
  await page.getByRole('alert').getByText('nothing waits in it').waitFor()
  expect(watch).toEqual({ strays: [], faults: [] })
  await page.close()
})

test('a task is paused by its name, resumed in the table; in the dark, on a small screen', async () => {
  const { app } = scene
  const { page } = await openPage(browser(), scene, '#/queues', { width: 360, height: 640, dark: true })
  const celery = rowOf(page, /^celery/)
  await expectWhole(celery.getByText('Served'))
  await expectWhole(celery.getByRole('button', { name: 'Pause queue celery' }))
  await page.getByRole('button', { name: 'Pause a task or a limit…' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Name').fill('mail')
  await dialog.getByLabel('Key').fill('acme')
  await dialog.getByRole('button', { name: 'Pause', exact: true }).click()
  await dialog.getByRole('alert').getByText('key').first().waitFor()
  await dialog.getByLabel('Key').fill('')
  await expectAccessible(page)
  await dialog.getByRole('button', { name: 'Pause', exact: true }).click()
  const row = page.locator('.limits').getByRole('row', { name: /task mail/ })
  await expectWhole(row.getByText('Paused'))
  await expectWhole(row.getByRole('button', { name: 'Resume Task mail' }))
  expect(await app.limits.paused()).toMatchObject([{ rule: 'task:mail' }])
  await expectAccessible(page)
  await expectNoOverflow(page)
  await row.getByRole('button', { name: 'Resume Task mail' }).click()
  await row.waitFor({ state: 'hidden' })
  expect(await app.limits.paused()).toEqual([])
  await page.close()
})

test('a viewer sees why the buttons do nothing; a failure is shown, and can be tried again', async () => {
  const own = await startDashboard({ define, http: { authorize: bearer(TOKENS) } })
  await own.app.send('mail', ['a'])
  const { page } = await openPage(browser(), own, '#/queues')
  await page.getByLabel('Token').fill('a-token-of-a-viewer')
  await page.keyboard.press('Enter')
  const pause = page.getByRole('button', { name: 'Pause queue celery' })
  await pause.waitFor()
  expect(await pause.getAttribute('title')).toBe('This needs the role operator')
  await pause.click({ force: true })
  expect(await own.app.limits.paused()).toEqual([])
  await page.getByRole('link', { name: 'celery' }).click()
  await page.getByText('This needs the role operator').waitFor()
  const purge = page.getByRole('button', { name: 'Purge…' })
  expect(await purge.getAttribute('title')).toBe('This needs the role admin')

  await page.route('**/v1/queues', (route) => route.fulfill({ status: 503, body: '' }))
  await page.goto(`${own.url}#/queues`)
  await page.getByRole('alert').first().getByText('Service Unavailable').waitFor()
  await page.unroute('**/v1/queues')
  await page.getByRole('button', { name: 'Try again' }).first().click()
  await rowOf(page, /^celery 1 /).waitFor()
  await page.close()
  await own[Symbol.asyncDispose]()
})

test('on Redis a queue is looked into, paused and purged', async () => {
  const server = await RedisServer.start()
  const redis = await startDashboard({ broker: server.url(), define })
  const { id } = await redis.app.send('mail', ['ann@example.com'])
  const { page } = await openPage(browser(), redis, '#/queues/celery')
  await page.getByText('No worker that answers').waitFor()
  // What Redis counts are all workers.
  expect(await page.getByText('Consumers').count()).toBe(0)
  await page.getByRole('button', { name: `Details of the message ${id}` }).click()
  await page.getByRole('region', { name: 'Arguments' }).getByText('"ann@example.com"').waitFor()
  await page.getByRole('button', { name: /^Pause/ }).click()
  await page.getByText('No worker takes a message from it').waitFor()
  expect(await redis.app.limits.paused()).toMatchObject([{ rule: 'queue:celery' }])
  await page.getByRole('button', { name: /^Resume/ }).click()
  await page.getByRole('button', { name: /^Pause/ }).waitFor()
  await page.getByRole('button', { name: 'Purge…' }).click()
  await confirmTyped(page, 'celery', 'Purge 1 message')
  await page.getByText('No message waits here now.').waitFor()
  expect(await server.cli('LLEN', 'celery')).toBe('0')
  await page.close()
  await redis[Symbol.asyncDispose]()
  await server.stop()
})
