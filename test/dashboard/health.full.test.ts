import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Alerts } from '../../src/alerts/alerts.ts'
import { bearer } from '../../src/http/access/auth.ts'
import type { Celeriac } from '../../src/index.ts'
import { Worker } from '../../src/worker/worker.ts'
import {
  type DashboardScene,
  expectAccessible,
  expectNoOverflow,
  openPage,
  startDashboard,
  useBrowser,
} from './scene.ts'

const HOSTILE = '<b>mail</b>\u202e'

const browser = useBrowser()
let scene: DashboardScene
let worker: Worker
let alerts: Alerts

beforeAll(async () => {
  const define = (app: Celeriac): void => {
    app.task('mail', () => undefined, { queue: 'mail-waits' })
    alerts = new Alerts(app, {
      ...{ to: 'https://hooks.example.com/celeriac', secret: `whsec_${Buffer.alloc(32).toString('base64')}` },
      // It is never sent: it would have to hold for an hour.
      rules: [
        { name: 'mails wait', on: 'oldest-age', queue: 'mail*', above: 1, for: '1h' },
        { name: 'worker lost', on: 'worker-lost', for: '1h' },
      ],
    })
  }
  const http = {
    get fleet() {
      return { open: true, alerts }
    },
  }
  scene = await startDashboard({ define, http })
  worker = new Worker(scene.app, { hostname: 'celeriac@one' })
  await worker.start()
})
afterAll(async () => {
  await worker.stop()
  await scene[Symbol.asyncDispose]()
})

async function post(path: string): Promise<number> {
  return (await fetch(`${scene.server.url}/v1${path}`, { method: 'POST' })).status
}

test('findings with what to do, stores, clocks, versions; examined again by a button', async () => {
  const { page, watch } = await openPage(browser(), scene, '#/health')
  await page.getByText('Nothing is wrong, as far as the checks see').waitFor()
  await page.getByRole('row', { name: /^sqlite:.*shop\.db .* GiB .* right$/ }).waitFor()
  await page.getByRole('row', { name: /^celeriac@one celeriac .* right$/ }).waitFor()
  await page.getByText(/^The server runs celeriac .*; 1 worker with celeriac /).waitFor()
  await page.getByText('Recording', { exact: true }).waitFor()
  await page.getByText(/^None\. Recording since .* \d\d:\d\d:\d\d\.$/).waitFor()
  expect(await page.getByText('no recorder ran').count()).toBe(0)
  await page.getByText('none: the server asks for no token').waitFor()
  expect(await page.getByRole('listitem').filter({ hasText: 'Purge queues' }).textContent()).toBe('May: Purge queues')
  expect(await post(`/queues/${encodeURIComponent(HOSTILE)}/pause`)).toBe(204)
  await page.getByRole('button', { name: 'Examine again' }).click()
  await page.getByText('Examining: workers have a second to answer').waitFor()
  const finding = page.getByRole('region', { name: 'What is wrong' })
  await finding.getByText('queue <b>mail</b>\\u202e is paused').waitFor()
  await expectAccessible(page)
  await finding.getByRole('link', { name: 'Go to Queues' }).click()
  await page.getByRole('heading', { level: 1, name: 'Queues' }).waitFor()
  expect(watch).toEqual({ strays: [], faults: [] })
  await page.close()
})

test('alerts: the rules, what they find, and how they are', async () => {
  await scene.app.send('mail', [])
  const { page } = await openPage(browser(), scene, '#/health')
  const rule = page.getByRole('row', { name: /^mails wait oldest-age/ })
  await rule.waitFor()
  await rule.getByText('mail-waits').first().waitFor()
  expect(await page.getByRole('row', { name: /^worker lost/ }).textContent()).toContain('nothing')
  await page.close()
})

test('the audit log: filtered, by page, as a file; in the dark, on a small screen', async () => {
  for (let count = 0; count < 51; count++) await post('/queues/audited/pause')
  await post('/queues/audited/resume')
  const { page } = await openPage(browser(), scene, '#/health', { width: 360, height: 640, dark: true })
  await page.getByText('50 entries shown').waitFor()
  await page.getByRole('button', { name: 'Show older entries' }).click()
  await page.getByText(/^5[3-9] entries shown$/).waitFor()
  await expectAccessible(page)
  await expectNoOverflow(page)
  await page.getByLabel('Action').fill('queue.resume')
  await page.getByRole('button', { name: 'Apply' }).click()
  await page.getByText('1 entry shown').waitFor()
  await page.getByRole('row', { name: /queue\.resume queue audited 204/ }).waitFor()
  expect(page.url()).toContain('action=queue.resume')
  const [file] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Download CSV' }).click(),
  ])
  expect(file.suggestedFilename()).toBe('audit.csv')
  const csv = (await readFile(await file.path(), 'utf8')).trim().split('\n')
  expect([csv.length, csv[1]]).toEqual([2, expect.stringContaining('queue.resume')])
  await page.getByLabel('Who').fill('bob')
  await page.keyboard.press('Enter')
  await page.getByText('No change, and no refused one, fits.').waitFor()
  await page.getByLabel('Who').fill('')
  await page.getByLabel('Since').fill('2099-01-01T00:00')
  await page.getByRole('button', { name: 'Apply' }).click()
  await page.getByText('No change, and no refused one, fits.').waitFor()
  await page.route('**/v1/audit*', (route) => route.fulfill({ status: 500, body: '' }))
  await page.getByRole('button', { name: 'Download CSV' }).click()
  await page.locator('.toasts').getByText('Internal Server Error').waitFor()
  await page.close()
})

test('a viewer sees no audit log, and what it may; a failed examination', async () => {
  const token = 'a-token-of-sixteen-or-more'
  const authorize = bearer({ [token]: { id: 'ann', scopes: ['viewer'] } })
  const closed = await startDashboard({ http: { authorize } })
  const page = await browser().newPage()
  await page.goto(`${closed.url}#/health`)
  await page.getByLabel('Token').fill(token)
  await page.route('**/v1/doctor', (route) => route.fulfill({ status: 503, body: '' }))
  await page.keyboard.press('Enter')
  await page.getByRole('alert').getByText('Service Unavailable').waitFor()
  await page.unroute('**/v1/doctor')
  await page.getByRole('button', { name: 'Try again' }).click()
  await page.getByText('no worker answers: start celeriac worker').waitFor()
  const purge = page.getByRole('listitem').filter({ hasText: 'Purge queues' })
  expect([await purge.textContent(), await purge.getAttribute('title')]).toEqual([
    'May not: Purge queues',
    'This needs the role admin',
  ])
  await page.getByText('No rule watches this fleet.').waitFor()
  expect(await page.getByRole('heading', { name: 'Audit log' }).count()).toBe(0)
  await page.close()
  await closed[Symbol.asyncDispose]()
})
