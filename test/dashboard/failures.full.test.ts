import { afterAll, beforeAll, expect, test } from 'vitest'
import { createClient } from '../../src/client/client.ts'
import { bearer } from '../../src/http/access/auth.ts'
import type { Celeriac } from '../../src/index.ts'
import { until } from '../../src/testing/kit.ts'
import { Worker } from '../../src/worker/worker.ts'
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
let isMended = false

function define(app: Celeriac): void {
  app.task('rows.load', (name: string) => {
    if (isMended) return name
    throw new RangeError(`no row '${name}' <img src=x>`)
  })
  app.task('<b>bad</b>', () => {
    throw new TypeError(`\u202egnp.exe \0 ${'x'.repeat(200_000)}`)
  })
  app.task('good', () => 'good')
}

const client = () => createClient(scene.server.url)
const call = async (task: string, ...args: unknown[]): Promise<string> =>
  (await client().submit(task as never, args as never)).id

beforeAll(async () => {
  scene = await startDashboard({ define })
  // The first request starts the recorder.
  await client().recorded.jobs()
  worker = new Worker(scene.app, { hostname: 'celeriac@one', concurrency: 3, taskEvents: true })
  await worker.start()
})
afterAll(async () => {
  await worker.stop()
  await scene[Symbol.asyncDispose]()
})

test('first there are none; then they come by themselves, and are found by words, task and time', async () => {
  const { page, watch } = await openPage(browser(), scene, '#/failures')
  await page.getByRole('heading', { name: 'No failures' }).waitFor()
  await page.getByText('the same kind of error are one group').waitFor()
  await expectAccessible(page)
  await call('<b>bad</b>')
  for (const name of ['a', 'b', 'c']) await call('rows.load', name)
  const rows = page.locator('tbody tr')
  await rows.filter({ hasText: 'no row' }).getByRole('cell', { name: '3', exact: true }).waitFor()
  await rows.filter({ hasText: '\\u202egnp.exe' }).waitFor()
  expect(await page.locator('main img, main b').count()).toBe(0)
  await expectAccessible(page)

  await page.keyboard.press('/')
  await page.keyboard.type('row')
  await page.keyboard.press('Enter')
  await rows.nth(1).waitFor({ state: 'detached' })
  expect(page.url()).toContain('q=row')
  await page.getByRole('searchbox').fill('nothing has this word')
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'No failures fit' }).waitFor()
  await page.getByRole('button', { name: 'Show all groups' }).click()
  await rows.nth(1).waitFor()
  await page.getByRole('combobox', { name: 'Task' }).selectOption('rows.load')
  await rows.nth(1).waitFor({ state: 'detached' })
  await page.getByRole('combobox', { name: 'Seen' }).selectOption('15m')
  await rows.first().getByText('ValueError').waitFor()
  expect(page.url()).toMatch(/task=rows\.load&since=15m/)

  await page.getByRole('searchbox').blur()
  await page.keyboard.press('j')
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { level: 1, name: 'ValueError' }).waitFor()
  expect(watch).toEqual({ strays: [], faults: [] })
  await page.close()
})

test('one group: its facts, its traceback, its jobs, a copy as text, and its jobs submitted again', async () => {
  const { failures } = await client().recorded.failures({ q: 'row' })
  const group = failures[0]?.fingerprint as string
  const { page, watch } = await openPage(browser(), scene, `#/failures/${group}`, {
    width: 360,
    height: 740,
    dark: true,
  })
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
  await page.getByRole('region', { name: 'Last traceback' }).getByText('RangeError: no row').waitFor()
  await page.locator('tbody tr').nth(2).waitFor()
  await expectAccessible(page)
  await expectNoOverflow(page)
  await page.getByRole('button', { name: 'Copy as text' }).click()
  await page.getByText('Copied').waitFor()
  const text = (await page.evaluate('navigator.clipboard.readText()')) as string
  expect(text).toContain("ValueError: no row 'c' <img src=x>\nTask: rows.load\nCount: 3\n")
  expect(text).toContain(`Fingerprint: ${group}\n\nRangeError: no row`)

  // What fails meanwhile comes by itself.
  await call('rows.load', 'd')
  await page.getByRole('cell', { name: "('d',)" }).waitFor()
  isMended = true
  await page.getByRole('button', { name: 'Retry the group' }).click()
  const dialog = page.getByRole('dialog', { name: 'Retry this group' })
  await dialog.getByText('4 jobs will be submitted again.').waitFor()
  await expectAccessible(page)
  await dialog.getByRole('button', { name: 'Cancel' }).click()
  expect((await client().recorded.jobs({ task: 'rows.load' })).jobs).toHaveLength(4)
  await page.getByRole('button', { name: 'Retry the group' }).click()
  await dialog.getByRole('button', { name: 'Retry 4 jobs' }).click()
  await dialog.getByText('Done. 4 jobs of 4 are submitted again.').waitFor()
  await until('the new jobs to succeed', async () => {
    const { jobs } = await client().recorded.jobs({ task: 'rows.load', state: 'SUCCESS' })
    return jobs.length === 4
  })
  await dialog.getByRole('button', { name: 'Close' }).last().click()
  await page.getByRole('button', { name: 'Retry the group' }).click()
  await dialog.getByRole('button', { name: 'Retry 4 jobs' }).click()
  await dialog.getByText('Done. 0 jobs of 4 are submitted again.').waitFor()
  await dialog.getByText('4 jobs were submitted again before: left out').waitFor()
  await page.keyboard.press('Escape')
  await page.getByRole('link', { name: 'Show in Jobs' }).click()
  await page.getByRole('heading', { level: 1, name: 'Jobs' }).waitFor()
  expect(page.url()).toContain(`#/jobs?fingerprint=${group}`)
  expect(watch).toEqual({ strays: [], faults: [] })
  await page.close()
})

test('a message of 200,000 characters, a group that is not there, a request that fails', async () => {
  const { failures } = await client().recorded.failures({ q: 'gnp.exe' })
  const { page, watch } = await openPage(browser(), scene, `#/failures/${failures[0]?.fingerprint}`)
  await page.getByRole('region', { name: 'Last traceback' }).getByText('\\u202egnp.exe').waitFor()
  await page.getByRole('cell', { name: '<b>bad</b>' }).or(page.getByText('<b>bad</b>')).first().waitFor()
  await expectAccessible(page)
  await page.goto(`${scene.url}#/failures/none`)
  await page.getByRole('alert').getByText('no failures are recorded with the fingerprint').waitFor()
  // Else the stream loads it again by itself.
  await page.route('**/v1/live*', (route) => route.abort())
  await page.route('**/v1/failures*', (route) =>
    route.fulfill({
      status: 500,
      contentType: 'application/problem+json',
      body: JSON.stringify({ type: 'about:blank', title: 'The store is down', status: 500 }),
    }),
  )
  await page.goto(`${scene.url}#/failures`)
  await page.getByRole('alert').getByText('The store is down').waitFor()
  await page.unroute('**/v1/failures*')
  await page.getByRole('button', { name: 'Try again' }).click()
  await page.locator('tbody tr').nth(1).waitFor()
  expect(watch).toEqual({ strays: [], faults: [] })
  await page.close()
})

test('a viewer sees why nothing can be submitted again', async () => {
  const authorize = bearer({ 'a-token-of-vic-1234': { id: 'vic', scopes: ['viewer'] } })
  await using other = await startDashboard({ define, http: { authorize } })
  const asVic = createClient(other.server.url, { token: 'a-token-of-vic-1234' })
  await asVic.recorded.jobs()
  const second = new Worker(other.app, { taskEvents: true })
  await second.start()
  isMended = false
  await other.app.tasks.get('rows.load')?.delay(...(['x'] as never[]))
  let group: string | undefined
  await until('its failure', async () => {
    group = (await asVic.recorded.failures()).failures[0]?.fingerprint
    return group !== undefined
  })
  const { page } = await openPage(browser(), other, `#/failures/${group}`)
  await page.getByLabel('Token').fill('a-token-of-vic-1234')
  await page.keyboard.press('Enter')
  const retry = page.getByRole('button', { name: 'Retry the group' })
  await retry.waitFor()
  expect([await retry.getAttribute('aria-disabled'), await retry.getAttribute('title')]).toEqual([
    'true',
    'This needs the role operator',
  ])
  await page.close()
  await second.stop()
})
