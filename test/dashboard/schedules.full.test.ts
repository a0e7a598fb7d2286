import type { Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { cron } from '../../src/beat/when/cron.ts'
import { every } from '../../src/beat/when/every.ts'
import { bearer } from '../../src/http/access/auth.ts'
import type { Celeriac } from '../../src/index.ts'
import {
  type DashboardScene,
  expectAccessible,
  expectNoOverflow,
  expectWhole,
  openPage,
  startDashboard,
  useBrowser,
} from './scene.ts'

const HOSTILE = '<b>evil</b> \u202eabc'
const browser = useBrowser()
let scene: DashboardScene
beforeAll(async () => {
  scene = await startDashboard({ define })
})
afterAll(() => scene[Symbol.asyncDispose]())

function define(app: Celeriac): void {
  app.task({ name: 'report.build', input: z.object({ size: z.number().int().positive() }), run: ({ size }) => size })
}

function defineSchedule(app: Celeriac): void {
  define(app)
  app.schedules.define('of code', every('1d'), { task: 'report.build', args: { size: 1 } })
}

const field = (page: Page, label: string) => page.getByLabel(label, { exact: true })

test('a schedule is created, with what is wrong shown at its fields', async () => {
  const { page, watch } = await openPage(browser(), scene, '#/schedules')
  await page.getByText('No schedules yet').waitFor()
  await page.keyboard.press('n')
  await page.getByRole('heading', { level: 1, name: 'New schedule' }).waitFor()
  await expectAccessible(page)
  const add = page.getByRole('button', { name: 'Add the schedule' })
  expect(await add.getAttribute('title')).toBe('Name it first')
  await field(page, 'Name').fill('nightly a/b')
  await field(page, 'Expression').fill('61 3 * * *')
  await page.getByRole('status').getByText('expected 0-59, got 61').waitFor()
  await field(page, 'Time zone').fill('Europe/Berlin')
  await field(page, 'Task').fill('report.build')
  await field(page, 'Keyword arguments').fill('{"size": 0')
  await page.getByText('Line 1, column 11: expected a comma or }, got the end').waitFor()
  await field(page, 'Keyword arguments').fill('{"size": 0}')
  await add.click()
  await page.getByText(/^size: /).waitFor()
  await field(page, 'Keyword arguments').fill('{"size": 7}')
  await add.click()
  await page.getByRole('alert').getByText('expected 0-59, got 61').waitFor()
  await field(page, 'Expression').fill('30 3 * * *')
  await page
    .locator('.next')
    .getByRole('cell', { name: /03:30:00$/ })
    .nth(9)
    .waitFor()
  await field(page, 'Queue').fill('slow')
  await field(page, 'Runs that were missed').selectOption('all')
  await field(page, 'At most').fill('3')
  await field(page, 'If the run before goes on').selectOption('skip')
  await field(page, 'Jitter').fill('10s')
  await field(page, 'Not after').fill('2999-01-01T00:00:00')
  await add.click()

  await page.getByRole('heading', { level: 1, name: 'nightly a/b' }).waitFor()
  await page.getByText('Each day at 03:30, Europe/Berlin').waitFor()
  await page.getByText('The newest 3 are sent').waitFor()
  expect(await page.locator('.next tbody tr').count()).toBe(20)
  expect(await page.locator('.next tbody tr').first().getByRole('cell').nth(1).textContent()).toContain('03:30:00')
  await expectAccessible(page)
  expect(await scene.app.schedules.get('nightly a/b')).toMatchObject({
    ...{ task: 'report.build', missed: { all: 3 }, overlap: 'skip', jitter: 10_000 },
    schedule: { kind: 'cron', expression: '30 3 * * *', tz: 'Europe/Berlin' },
    options: { queue: 'slow' },
    args: { size: 7 },
  })
  expect(watch).toEqual({ strays: [], faults: [] })
  await page.close()
})

test('it is paused, resumed, run, edited against another change, and removed', async () => {
  const { schedules } = scene.app
  const { page } = await openPage(browser(), scene, '#/schedules/nightly%20a%2Fb')
  await page.getByRole('button', { name: 'Pause' }).click()
  await page.getByRole('button', { name: 'Resume' }).click()
  await page.getByRole('button', { name: 'Pause' }).waitFor()
  expect((await schedules.get('nightly a/b')).paused).toBe(false)
  await page.getByRole('button', { name: 'Run now' }).click()
  await page.getByRole('link', { name: 'its job' }).waitFor()
  const { lastId = '' } = await schedules.get('nightly a/b')
  expect(await page.getByRole('link', { name: 'its job' }).getAttribute('href')).toBe(`#/jobs/${lastId}`)
  expect((await scene.app.message(lastId, 'slow'))?.queue).toBe('slow')

  await page.keyboard.press('e')
  await field(page, 'Kind').selectOption('every')
  await field(page, 'Interval').fill('2h')
  await schedules.update('nightly a/b', { options: { jitter: '20s', overlap: 'allow' } })
  await page.getByRole('button', { name: 'Save', exact: true }).click()
  const conflict = page.getByRole('alert', { name: 'The schedule was changed since' })
  await conflict.getByText('"20s"').waitFor()
  await conflict.getByText('You did not change it').first().waitFor()
  await expectAccessible(page)
  await conflict.getByRole('button', { name: 'Save what I changed over it' }).click()
  await page.getByText('Every 2h', { exact: true }).waitFor()
  expect(await schedules.get('nightly a/b')).toMatchObject({
    ...{ schedule: { kind: 'every', interval: 7_200_000 }, jitter: 20_000, overlap: 'allow', missed: { all: 3 } },
    options: { queue: 'slow' },
    args: { size: 7 },
  })

  await page.getByRole('button', { name: 'Edit' }).click()
  await field(page, 'Kind').selectOption('crontab')
  await field(page, 'Minute').fill('*/20')
  await schedules.update('nightly a/b', { options: { jitter: 0 } })
  await page.getByRole('button', { name: 'Save', exact: true }).click()
  await conflict.getByRole('button', { name: 'Take theirs, and begin again' }).click()
  expect(await field(page, 'Interval').inputValue()).toBe('2h')
  expect(await field(page, 'Jitter').inputValue()).toBe('')
  await page.getByRole('button', { name: 'Cancel' }).click()

  await page.getByRole('button', { name: 'Remove…' }).click()
  await page.getByRole('dialog').getByRole('textbox').fill('nightly a/b')
  await page.getByRole('button', { name: 'Remove it' }).click()
  await page.getByText('No schedules yet').waitFor()
  expect(await schedules.find('nightly a/b')).toBeUndefined()
  await page.close()
})

test('the list with its filters, the calendar with its counts, hostile names, what the code defines', async () => {
  const { schedules } = scene.app
  await schedules.add('hourly', every('1h'), { task: 'py.ping', args: [] })
  await schedules.add('daily', cron('0 12 * * *'), { task: 'report.build', args: { size: 1 } })
  await schedules.add('busy', cron('* * * * *'), { task: 'py.ping', args: [] })
  await schedules.add(HOSTILE, every('6h'), { task: HOSTILE, args: [HOSTILE] }, { paused: true })
  const { page, watch } = await openPage(browser(), scene, '#/schedules')
  const rows = page.locator('table.schedules tbody tr')
  await rows.nth(3).waitFor()
  await page.getByRole('row', { name: /^daily .* Active / }).waitFor()
  expect(await rows.first().getByRole('cell').first().textContent()).toBe('<b>evil</b> \\u202eabc')
  await rows.first().getByText('Paused').waitFor()
  await page.getByLabel('State').selectOption('yes')
  await rows.nth(1).waitFor({ state: 'hidden' })
  await page.getByLabel('State').selectOption('')
  await page.keyboard.press('Escape')
  await page.goto(`${scene.url}#/schedules?task=py.ping`)
  await page.getByRole('row', { name: /^busy/ }).waitFor()
  expect(await rows.count()).toBe(2)

  await page.getByRole('link', { name: 'Calendar' }).click()
  const cells = page.locator('.calendar button')
  await cells.last().waitFor()
  // Of the one that is due each minute the server computes 1,000.
  await page.getByText('of 1 schedule only the next 1,000 runs are counted').waitFor()
  await page.getByLabel('Runs of').selectOption('hourly')
  await page
    .getByRole('button', { name: /: 24 runs$/ })
    .first()
    .waitFor()
  await page.getByLabel('Runs of').selectOption('daily')
  await page
    .getByRole('button', { name: /: 1 run$/ })
    .nth(6)
    .click()
  await page.getByRole('region').getByRole('link', { name: 'daily' }).waitFor()
  await expectAccessible(page)
  await page.getByRole('button', { name: '5 weeks after' }).click()
  await page
    .getByRole('button', { name: /: 1 run$/ })
    .nth(34)
    .waitFor()
  expect(watch).toEqual({ strays: [], faults: [] })
  await page.close()
})

test('in the dark, on a small screen: a viewer reads, what the code defines stays, and where none is kept', async () => {
  const tokens = {
    'a-token-of-a-viewer': { id: 'vic', scopes: ['viewer'] },
    'a-token-of-an-admin': { id: 'root', scopes: ['admin'] },
  }
  const own = await startDashboard({ define: defineSchedule, http: { authorize: bearer(tokens) } })
  await own.app.schedules.sync(Date.now())
  const { page } = await openPage(browser(), own, '#/schedules', { width: 360, height: 640, dark: true })
  const logIn = async (token: string): Promise<void> => {
    await page.getByLabel('Token').fill(token)
    await page.keyboard.press('Enter')
    await page.getByLabel('Token').waitFor({ state: 'hidden' })
  }
  await logIn('a-token-of-a-viewer')
  const pause = page.getByRole('button', { name: 'Pause of code' })
  await expectWhole(pause)
  expect(await pause.getAttribute('title')).toBe('This needs the role operator')
  expect(await page.getByRole('button', { name: 'New schedule' }).getAttribute('title')).toBe(
    'This needs the role admin',
  )
  await expectAccessible(page)
  await expectNoOverflow(page)
  for (const path of ['?view=calendar', '/of%20code']) {
    await page.goto(`${own.url}#/schedules${path}`)
    await page.locator('.calendar, .next').first().waitFor()
    await expectAccessible(page)
    await expectNoOverflow(page)
  }
  await page.route('**/v1/schedules/**', (route) => route.fulfill({ status: 500, body: '' }))
  await page.getByRole('alert').getByText('Internal Server Error').waitFor()
  await page.unroute('**/v1/schedules/**')
  await page.getByRole('button', { name: 'Log out' }).click()
  await logIn('a-token-of-an-admin')
  const remove = page.getByRole('button', { name: 'Remove…' })
  await remove.waitFor()
  expect(await remove.getAttribute('title')).toMatch(/^The code of the app defines it/)
  await page.getByRole('button', { name: 'Edit' }).click()
  await page.getByRole('button', { name: 'Save', exact: true }).waitFor()
  await expectAccessible(page)
  await expectNoOverflow(page)

  await page.route('**/v1/me', async (route) => {
    const answer = await route.fetch()
    const me = (await answer.json()) as { can: object }
    await route.fulfill({ response: answer, json: { ...me, can: { ...me.can, schedules: false } } })
  })
  await page.goto(`${own.url}#/schedules`)
  await page.reload()
  await page.getByText('The stores of this app keep no schedule').waitFor()
  await page.close()
  await own[Symbol.asyncDispose]()
})
