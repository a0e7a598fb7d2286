import type { Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { createClient } from '../../src/client/client.ts'
import type { Celeriac } from '../../src/index.ts'
import { Worker } from '../../src/worker/worker.ts'
import { authorize } from '../http/fleet/people.ts'
import {
  type DashboardScene,
  expectAccessible,
  expectNoOverflow,
  openPage,
  startDashboard,
  useBrowser,
} from './scene.ts'

const HOSTILE = '<img src=x onerror=alert(1)>\u202e\u0000'
const browser = useBrowser()
let scene: DashboardScene
let worker: Worker

beforeAll(async () => {
  scene = await startDashboard({ define })
  worker = new Worker(scene.app, { hostname: 'celeriac@one', concurrency: 8, queues: ['celery', 'mail'] })
  await worker.start()
})
afterAll(async () => {
  await worker.stop({ grace: 0 })
  await scene[Symbol.asyncDispose]()
})

function define(app: Celeriac): void {
  app.task('math.add', (x: number, y: number) => x + y)
  app.task({
    name: 'mail.send',
    queue: 'mail',
    input: z.object({ to: z.string() }),
    run: ({ to }) => Promise.reject(new RangeError(`no mailbox ${to}`)),
  })
  app.task({
    name: 'hold',
    input: z.object({}),
    run: (_, { signal }) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
  })
  app.task(`show ${HOSTILE.replace('\u0000', '')}`, (text: string) => text.length)
}

const task = (name: string) => scene.app.tasks.get(name) as NonNullable<ReturnType<Celeriac['tasks']['get']>>
const submit = (name: string, ...args: unknown[]) => task(name).delay(...(args as never[]))
const rows = (page: Page) => page.locator('tr.line')
const mail = (to: string) =>
  createClient(scene.server.url)
    .run('mail.send' as never, { to } as never)
    .catch((error: Error) => error)
const recorded = () => createClient(scene.server.url).recorded
const queryOf = (page: Page): URLSearchParams => new URLSearchParams(page.url().split('?')[1])

test('without a job the page says how to submit one; then it comes by itself', async () => {
  const { page, watch } = await openPage(browser(), scene, '#/jobs')
  await page.getByRole('heading', { name: 'No jobs yet' }).waitFor()
  await page.getByText("await app.tasks.get('mail.send')").waitFor()
  await page.getByRole('link', { name: 'call a task', exact: true }).waitFor()
  await expectAccessible(page)
  await page.getByText('Live', { exact: true }).waitFor()
  await submit('math.add', 1, 2)
  await rows(page).filter({ hasText: 'math.add' }).filter({ hasText: 'SUCCESS' }).waitFor()
  expect(watch).toEqual({ strays: [], faults: [] })
  await page.close()
})

test('facets, times and words choose jobs; all of it is in the URL, and goes back and forth', async () => {
  for (const x of [1, 2]) await submit('math.add', x, 2)
  for (const to of ['ann', 'bob', 'eve']) await mail(to)
  const { page } = await openPage(browser(), scene, '#/jobs')
  const filters = page.getByRole('complementary', { name: 'Filters' })
  await rows(page).nth(5).waitFor()
  await filters.getByRole('checkbox', { name: /FAILURE\s*3/ }).check()
  await expect.poll(() => rows(page).count()).toBe(3)
  expect(queryOf(page).get('state')).toBe('FAILURE')
  // Other states can be added.
  await filters.getByRole('checkbox', { name: /SUCCESS\s*3/ }).check()
  await expect.poll(() => rows(page).count()).toBe(6)
  expect(queryOf(page).get('state')).toBe('FAILURE,SUCCESS')
  await page.goBack()
  await expect.poll(() => rows(page).count()).toBe(3)
  await page.goForward()
  await expect.poll(() => rows(page).count()).toBe(6)
  await filters.getByRole('button', { name: 'Clear state' }).click()
  await filters.getByRole('checkbox', { name: /^math\.add/ }).check()
  await expect.poll(() => rows(page).count()).toBe(3)
  await filters.getByRole('checkbox', { name: /^math\.add/ }).uncheck()
  await page.keyboard.press('/')
  await page.keyboard.type('mailbox BOB')
  await expect.poll(() => rows(page).count()).toBe(1)
  expect(queryOf(page).get('q')).toBe('mailbox BOB')
  await rows(page).getByText('no mailbox bob').waitFor()
  // One row is as high as in a long list, and its time is whole.
  expect(await rows(page).evaluate((row) => (row as unknown as { offsetHeight: number }).offsetHeight)).toBe(33)
  const isWhole = await page.evaluate(`(() => {
    const cell = document.querySelector('td.of-when')
    cell.querySelector('time').textContent = '59 min ago'
    return cell.scrollWidth <= cell.clientWidth
  })()`)
  expect(isWhole).toBe(true)
  // A link that was shared shows the same.
  const { page: other } = await openPage(browser(), scene, `#${page.url().split('#')[1]}`)
  await rows(other).getByText('no mailbox bob').waitFor()
  expect(await other.getByRole('searchbox').inputValue()).toBe('mailbox BOB')
  await other.close()
  await page.keyboard.type(' nothing')
  await page.getByRole('heading', { name: 'No job fits' }).waitFor()
  await expectAccessible(page)
  await page.getByRole('button', { name: 'Clear all filters' }).last().click()
  await expect.poll(() => rows(page).count()).toBe(6)
  expect(await page.getByRole('searchbox').inputValue()).toBe('')

  await page.getByLabel('Time range').selectOption('15m')
  await expect.poll(() => queryOf(page).get('range')).toBe('15m')
  await expect.poll(() => rows(page).count()).toBe(6)
  await page.getByLabel('Time range').selectOption('custom')
  await page.getByLabel('To', { exact: true }).fill('2026-01-01T10:00:00')
  await page.getByLabel('To', { exact: true }).blur()
  await page.getByRole('heading', { name: 'No job fits' }).waitFor()
  expect(queryOf(page).get('until')).toMatch(/^202[56]-.*Z$/)
  await page.close()
})

test('jobs change in place, new ones come on top, or wait behind a button while the user reads', async () => {
  const { page } = await openPage(browser(), scene, '#/jobs', { height: 420 })
  await page.getByText('Live', { exact: true }).waitFor()
  await rows(page).nth(5).waitFor()
  const held = await submit('hold', {})
  const first = rows(page).first()
  await first.getByText('STARTED').waitFor()
  expect(await first.getByRole('link').textContent()).toBe('hold')
  // The user reads: a row has the focus.
  await page.keyboard.press('j')
  await expect.poll(() => page.evaluate('document.activeElement.textContent')).toBe('hold')
  await submit('math.add', 5, 5)
  await page.getByRole('button', { name: '1 new job' }).waitFor()
  expect(await first.getByRole('link').textContent()).toBe('hold')
  await held.revoke({ terminate: true })
  await first.getByText('REVOKED').waitFor()
  await page.getByRole('button', { name: '1 new job' }).click()
  await first.getByText('math.add').waitFor()
  await page.close()
})

test('keys move, select, open; the list of keys names them', async () => {
  const { page } = await openPage(browser(), scene, '#/jobs')
  await rows(page).nth(6).waitFor()
  const press = (key: string) => page.keyboard.press(key)
  await press('j')
  await press('j')
  await press('j')
  await press('k')
  await press('x')
  await page.getByText('1 selected').waitFor()
  expect(await rows(page).nth(1).getByRole('checkbox').isChecked()).toBe(true)
  await press('j')
  await press('j')
  await press('X')
  await page.getByText('3 selected').waitFor()
  await rows(page)
    .nth(5)
    .getByRole('checkbox')
    .click({ modifiers: ['Shift'] })
  await page.getByText('5 selected').waitFor()
  await press('j')
  await press('Escape')
  await expect.poll(() => page.getByText('selected').count()).toBe(0)
  await press('?')
  const list = page.getByRole('dialog')
  for (const does of [
    'Next job',
    'Previous job',
    'Open the job',
    'Select the job',
    'Select all up to the job',
    'Retry the selected jobs',
  ])
    await list.getByText(does, { exact: true }).waitFor()
  await press('Escape')
  await press('j')
  const link = (await rows(page).first().getByRole('link').getAttribute('href')) as string
  await expect.poll(() => page.evaluate('document.activeElement.getAttribute("href")')).toBe(link)
  await press('Enter')
  await expect.poll(() => page.url()).toContain(link)
  await page.close()
})

test('selected jobs, and all that fit, are retried, revoked and forgotten after they were counted', async () => {
  const { page, watch } = await openPage(browser(), scene, '#/jobs?task=mail.send')
  const dialog = page.getByRole('dialog')
  await expect.poll(() => rows(page).count()).toBe(3)
  await page.keyboard.press('r')
  await page.getByText('Select jobs first').waitFor()
  await page.getByRole('button', { name: 'Close' }).click()
  await rows(page).filter({ hasText: 'no mailbox ann' }).getByRole('checkbox').check()
  await page.keyboard.press('r')
  await dialog.getByText('1 job will be submitted again.').waitFor()
  await expectAccessible(page)
  await dialog.getByRole('button', { name: 'Retry 1 job' }).click()
  await dialog.getByText('Done. 1 job of 1 is submitted again.').waitFor()
  await dialog.getByRole('button', { name: 'Close' }).last().click()
  await expect.poll(async () => (await recorded().jobs({ task: 'mail.send', state: 'FAILURE' })).jobs.length).toBe(4)

  const all = async (name: string): Promise<void> => {
    await page.getByRole('button', { name: 'Actions on all jobs that fit' }).click()
    await page.getByRole('button', { name: `${name} all that fit` }).click()
  }
  await all('Retry')
  // One of them has been submitted again.
  await dialog.getByText('4 jobs will be submitted again.').waitFor()
  await dialog.getByRole('button', { name: 'Retry 4 jobs' }).click()
  await dialog.getByText('Done. 3 jobs of 4 are submitted again.').waitFor()
  await dialog.getByText('1 job was submitted again before: left out').waitFor()
  await dialog.getByRole('button', { name: 'Close' }).last().click()
  await expect.poll(async () => (await recorded().jobs({ task: 'mail.send', state: 'FAILURE' })).jobs.length).toBe(7)

  await submit('hold', {})
  await submit('hold', {})
  await page.goto(`${scene.url}#/jobs?task=hold&state=STARTED`)
  await expect.poll(() => rows(page).count()).toBe(2)
  await all('Revoke and terminate')
  await dialog.getByText('2 jobs will be revoked.').waitFor()
  await dialog.getByRole('button', { name: 'Terminate 2 jobs' }).click()
  await dialog.getByText('Done. 2 jobs of 2 are revoked.').waitFor()
  await dialog.getByRole('button', { name: 'Close' }).last().click()
  await expect.poll(async () => (await recorded().jobs({ task: 'hold', state: 'REVOKED' })).jobs.length).toBe(3)
  await page.goto(`${scene.url}#/jobs?task=hold`)
  await expect.poll(() => rows(page).filter({ hasText: 'REVOKED' }).count()).toBe(3)
  await all('Forget')
  await dialog.getByText('3 jobs will be forgotten.').waitFor()
  await dialog.getByRole('button', { name: 'Forget 3 jobs' }).click()
  await dialog.getByText('Done. 3 jobs of 3 are forgotten.').waitFor()
  await dialog.getByRole('button', { name: 'Close' }).last().click()
  await page.getByRole('heading', { name: 'No job fits' }).waitFor()
  expect((await recorded().jobs({ task: 'hold' })).jobs).toEqual([])
  expect(watch).toEqual({ strays: [], faults: [] })
  await page.close()
})

test('texts from outside are texts; in the dark, on a small screen, with filters open', async () => {
  const huge = `${HOSTILE}${'x'.repeat(2_000_000)}`
  await submit(`show ${HOSTILE.replace('\u0000', '')}`, huge).get()
  const { page, watch } = await openPage(browser(), scene, '#/jobs', { width: 360, height: 640, dark: true })
  await rows(page).first().getByText('<img src=x onerror=alert(1)>\\u202e').waitFor()
  await page.getByRole('button', { name: 'Filters' }).click()
  const filters = page.getByRole('complementary', { name: 'Filters' })
  await filters.getByText('<img src=x').waitFor()
  await expectAccessible(page)
  await expectNoOverflow(page)
  await page.setViewportSize({ width: 1600, height: 700 })
  await rows(page).first().getByText('<img src=x onerror=alert(1)>').last().waitFor()
  await expectNoOverflow(page)
  expect(watch).toEqual({ strays: [], faults: [] })
  await page.close()
})

test('chips of a link, and a request that fails', async () => {
  const { page } = await openPage(browser(), scene, '#/jobs?owner=ann&tag=%3Cb%3E&root=r1&fingerprint=f1')
  await page.getByRole('heading', { name: 'No job fits' }).waitFor()
  for (const name of ['owner', 'tag', 'workflow', 'failures like'])
    await page.getByRole('button', { name: `Remove the filter: ${name}` }).click()
  await rows(page).nth(5).waitFor()
  expect([...queryOf(page)]).toEqual([])
  await page.route('**/v1/jobs?*', (route) => route.fulfill({ status: 500, body: '' }))
  await page.getByRole('searchbox').fill('anything')
  await page.getByRole('alert').getByText('Internal Server Error').first().waitFor()
  await page.unroute('**/v1/jobs?*')
  await page.getByRole('searchbox').fill('mailbox')
  await rows(page).nth(5).waitFor()
  await page.close()
})

test('without a recorder the result backend lists its jobs; where that cannot, the page says what to do', async () => {
  await submit('math.add', 1, 2).get()
  const openAs = async (can: object): Promise<Page> => {
    const page = await browser().newPage()
    await page.route('**/v1/me', async (route) => {
      const me = await (await route.fetch()).json()
      await route.fulfill({ json: { ...me, recorder: 'off', can: { ...me.can, ...can } } })
    })
    await page.goto(`${scene.url}#/jobs?task=math.add`)
    return page
  }
  const listed = await openAs({ record: false })
  await rows(listed).filter({ hasText: 'math.add' }).first().waitFor()
  await rows(listed).first().getByRole('checkbox').check()
  expect(await listed.getByRole('button', { name: 'Retry' }).getAttribute('title')).toMatch('needs a recorder')
  await listed.close()
  const bare = await openAs({ record: false, list: false })
  await bare.getByRole('heading', { name: 'Jobs are not listed here' }).waitFor()
  await bare.getByText('recorder: true').waitFor()
  await bare.close()
})

test('a viewer reads; what it cannot do says why', async () => {
  await using own = await startDashboard({ define, http: { authorize } })
  const page = await browser().newPage()
  await page.goto(`${own.url}#/jobs`)
  await page.getByLabel('Token').fill('a-token-of-vic-1234')
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'No jobs yet' }).waitFor()
  expect(await page.getByRole('link', { name: 'call a task', exact: true }).count()).toBe(0)
  const local = new Worker(own.app, { hostname: 'celeriac@own', concurrency: 1 })
  await local.start()
  await (own.app.tasks.get('math.add') as NonNullable<ReturnType<typeof task>>).delay(...([1, 1] as never[]))
  await rows(page).getByRole('checkbox').check()
  const button = page.getByRole('button', { name: 'Retry' })
  expect(await button.getAttribute('title')).toBe('This needs the role operator')
  expect(await page.getByRole('button', { name: 'Forget' }).getAttribute('title')).toBe('This needs the role admin')
  await page.keyboard.press('r')
  await page.getByRole('status').getByText('This needs the role operator').waitFor()
  await page.close()
  await local.stop()
})
