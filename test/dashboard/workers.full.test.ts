import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Control } from '../../src/control/control.ts'
import { bearer } from '../../src/http/access/auth.ts'
import type { Celeriac } from '../../src/index.ts'
import { Worker } from '../../src/worker/worker.ts'
import { until } from '../app/lab.ts'
import { defineBusy } from '../worker/modules/busy.ts'
import {
  type DashboardScene,
  expectAccessible,
  expectNoOverflow,
  openPage,
  startDashboard,
  useBrowser,
} from './scene.ts'

const BUSY = new URL('../worker/modules/busy.ts', import.meta.url)
const HOSTILE = '<img src=x onerror=alert(1)>\u202e'
const THREADS = 'celeriac@threads'
const INLINE = 'celeriac@inline'

const browser = useBrowser()
let scene: DashboardScene
let threads: Worker
let inline: Worker
let open: () => void
const gate = new Promise<void>((resolve) => {
  open = resolve
})

beforeAll(async () => {
  scene = await startDashboard({ define })
  threads = new Worker(scene.app, {
    ...{ hostname: THREADS, pool: 'threads', concurrency: 2, module: BUSY, revokeGrace: 0, queues: ['cpu'] },
  })
  inline = new Worker(scene.app, { hostname: INLINE, concurrency: 40 })
  await Promise.all([threads.start(), inline.start()])
})
afterAll(async () => {
  open()
  await Promise.all([threads.stop({ grace: 0 }), inline.stop({ grace: 0 })])
  await scene[Symbol.asyncDispose]()
})

function define(app: Celeriac): void {
  defineBusy(app)
  app.task(HOSTILE, async (_: string) => gate)
}

async function start(task: string, args: unknown[], queue = 'celery'): Promise<string> {
  return (await scene.app.send(task, args, { queue })).id
}

/** A task of a worker as it is set now, as `Control` shows it. */
async function registered(task: string): Promise<string | undefined> {
  const asked = new Control(scene.app).inspect({ destination: [THREADS], timeout: '10s' })
  const answers = await asked.registered('rate_limit', 'soft_time_limit', 'time_limit')
  return (answers[THREADS] as readonly string[]).find((text) => text.startsWith(task))
}

function form(page: Page, action: string) {
  return page.getByRole('form', { name: action, exact: true })
}

test('the list: who is there and what runs, sorted, filtered, by keys, live', async () => {
  const { page, watch } = await openPage(browser(), scene, '#/workers')
  const rows = page.getByRole('row')
  const names = () => page.locator('[data-row]').allTextContents()
  await page.getByRole('link', { name: INLINE }).waitFor()
  expect(await names()).toEqual([INLINE, THREADS])
  await rows.nth(2).getByText('threads × 2').waitFor()
  await rows.nth(1).getByText('0 / 40').waitFor()
  await page.getByText('Live', { exact: true }).waitFor()
  for (let count = 0; count < 6; count++) await start(HOSTILE, [`${HOSTILE}\u0000`])
  await rows.nth(1).getByText('6 / 40').waitFor()
  await rows.nth(1).getByText('and 2 more').waitFor()
  await rows.nth(1).getByText('<img src=x onerror=alert(1)>\\u202e').first().waitFor()
  expect(await page.locator('.slot-marks .used').first().getAttribute('style')).toBe('width: 66px;')
  await rows.nth(1).getByText('+30').waitFor()
  await page.getByText('2 workers · 6 of 42 slots in use').waitFor()

  await page.getByRole('button', { name: 'Worker' }).click()
  expect(await names()).toEqual([THREADS, INLINE])
  await page.getByRole('button', { name: 'Slots' }).click()
  expect(await names()).toEqual([INLINE, THREADS])
  expect(page.url()).toContain('sort=running')
  await page.keyboard.press('/')
  await page.keyboard.type('THREADS')
  await page.getByRole('link', { name: INLINE }).waitFor({ state: 'detached' })
  expect(page.url()).toContain('q=THREADS')
  await page.getByRole('searchbox').fill('none')
  await page.getByText('No worker has this in its name.').waitFor()
  await page.getByRole('searchbox').fill('')
  await page.getByRole('heading', { level: 1 }).click()
  await expectAccessible(page)
  await page.keyboard.press('?')
  await page.getByRole('dialog', { name: 'Keys' }).getByText('Next worker, Enter opens it').waitFor()
  await page.keyboard.press('Escape')
  for (const key of ['j', 'j', 'k', 'j', 'Enter']) await page.keyboard.press(key)
  await page.getByRole('heading', { level: 1, name: THREADS }).waitFor()
  expect(watch).toEqual({ strays: [], faults: [] })
  await page.close()
})

test('each command is pressed, and the worker obeys, or says why not', async () => {
  const { page, watch } = await openPage(browser(), scene, `#/workers/${THREADS}`)
  const press = (action: string) => form(page, action).getByRole('button', { name: action }).click()
  const answered = (action: string, text: string) => form(page, action).getByText(text).waitFor()
  await form(page, 'Grow pool').getByLabel('Slots').fill('1.5')
  await press('Grow pool')
  await answered('Grow pool', 'A whole number from 1 to 1000')
  await form(page, 'Grow pool').getByLabel('Slots').fill('2')
  await press('Grow pool')
  await answered('Grow pool', 'It answered: pool will grow')
  await until(() => threads.pools[0]?.size === 4)
  await page.getByText('threads × 4').waitFor()
  await form(page, 'Shrink pool').getByLabel('Slots').fill('2')
  await page.keyboard.press('Enter')
  await answered('Shrink pool', 'pool will shrink')
  await page.getByText('threads × 2').waitFor()
  expect(threads.pools[0]?.size).toBe(2)
  await answered('Set autoscale', 'It was started without autoscale')
  await answered('Restart pool', "Only Celery's workers can restart their pool")

  await press('Add consumer')
  await answered('Add consumer', 'Required')
  await form(page, 'Add consumer').getByLabel('Queue').fill('more')
  await press('Add consumer')
  await page.getByRole('button', { name: 'Cancel consumer of more' }).waitFor()
  expect(threads.queues).toContain('more')
  await page.getByRole('button', { name: 'Cancel consumer of more' }).click()
  await page.getByRole('button', { name: 'Cancel consumer of more' }).waitFor({ state: 'detached' })
  expect(threads.queues).not.toContain('more')

  await form(page, 'Set rate limit').getByLabel('Task').fill('busy')
  await form(page, 'Set rate limit').getByLabel('Rate').fill('100/m')
  await press('Set rate limit')
  await answered('Set rate limit', 'new rate limit set successfully')
  await form(page, 'Set time limits').getByLabel('Task').fill('busy')
  await form(page, 'Set time limits').getByLabel('Soft (s)').fill('20.5')
  await form(page, 'Set time limits').getByLabel('Hard (s)').fill('30')
  await press('Set time limits')
  await answered('Set time limits', 'time limits set successfully')
  expect(await registered('busy')).toBe('busy [rate_limit=100/m soft_time_limit=20.5 time_limit=30]')
  await form(page, 'Set rate limit').getByLabel('Rate').fill('0')
  await form(page, 'Set rate limit').getByLabel('Task').fill('none')
  await press('Set rate limit')
  await form(page, 'Set rate limit').getByRole('alert').getByText('unknown task').waitFor()

  await press('Disable events')
  await answered('Disable events', 'task events disabled')
  await press('Enable events')
  await answered('Enable events', 'task events enabled')
  await press('Send heartbeat')
  await answered('Send heartbeat', 'done')
  await page.getByRole('button', { name: 'Quiet' }).click()
  await page.getByRole('button', { name: 'Resume' }).waitFor()
  expect(threads.health).toMatchObject({ ready: false, reason: 'it takes no more tasks' })
  await page.getByRole('button', { name: 'Resume' }).click()
  await page.getByRole('button', { name: 'Quiet' }).waitFor()
  expect(watch).toEqual({ strays: [], faults: [] })
  await page.close()
})

test('what a slot executes: its stack, a profile with a flame graph, and its end', async () => {
  const { page, watch } = await openPage(browser(), scene, `#/workers/${THREADS}`)
  await page.getByText('It runs no task now.').waitFor()
  expect(await page.locator('.head .actions > *').first().textContent()).toBe('Live')
  const showStacks = page.getByRole('button', { name: 'Show stacks' })
  expect(await showStacks.getAttribute('title')).toBe('It runs no task now')
  const id = await start('busy', [], 'cpu')
  await page.getByRole('row', { name: /^busy/ }).waitFor()
  const [revoke, terminate] = await Promise.all(
    ['Revoke', 'Terminate'].map((name) => page.getByRole('button', { name }).boundingBox()),
  )
  expect((terminate?.x ?? 0) - (revoke?.x ?? 0) - (revoke?.width ?? 0)).toBeGreaterThanOrEqual(8)
  await showStacks.click()
  const frames = page.getByRole('region', { name: 'Stack of busy' }).getByRole('listitem')
  await until(async () => {
    if ((await frames.first().isVisible()) && (await frames.first().textContent())?.startsWith('turnForEver'))
      return true
    // Its thread may not have begun.
    await page.getByRole('button', { name: 'Refresh stacks' }).click()
    await sleep(200)
    return false
  })
  expect(await frames.first().getAttribute('class')).toBe('own')

  const slots = page.getByLabel('Of', { exact: true })
  const options = await slots.locator('option').allTextContents()
  await slots.selectOption({ label: options.find((text) => text.endsWith('busy')) ?? '' })
  await page.getByLabel('Seconds', { exact: true }).fill('61')
  await page.getByText('A whole number from 1 to 60').waitFor()
  await page.getByLabel('Seconds', { exact: true }).fill('1')
  await page.getByRole('button', { name: 'Take a profile' }).click()
  await page.getByText('Taking the profile').waitFor()
  const graph = page.getByRole('application', { name: /^Flame graph/ })
  await graph.getByText('turnForEver').first().waitFor()
  expect(await page.getByRole('link', { name: 'busy' }).first().getAttribute('href')).toBe(`#/jobs/${id}`)
  await page.getByRole('button', { name: 'Terminate' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Terminate' }).click()
  await page.getByText('It runs no task now.').waitFor()
  expect((await scene.app.result(id).info())?.state).toBe('REVOKED')
  await page
    .getByRole('row', { name: /^turnForEver busy.ts/ })
    .getByRole('button')
    .click()
  expect(await graph.locator('.marked').count()).toBeGreaterThan(0)
  const now = page.locator('.flame-now')
  await graph.focus()
  await page.keyboard.press('ArrowDown')
  const below = await now.textContent()
  expect(below).not.toContain('(all)')
  await page.keyboard.press('Enter')
  await page.getByRole('button', { name: 'Show all' }).waitFor()
  expect(await graph.locator('.flame-box').first().textContent()).not.toBe('(all)')
  await page.keyboard.press('Escape')
  await now.getByText('(all)').waitFor()
  await graph.getByText('turnForEver').first().click()
  await now.getByText('turnForEver').waitFor()
  await page.getByRole('button', { name: 'Show all' }).click()
  const [file] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Download .cpuprofile' }).click(),
  ])
  expect(file.suggestedFilename()).toBe('celeriac_threads.cpuprofile')
  expect(JSON.parse(await readFile(await file.path(), 'utf8'))).toMatchObject({ nodes: expect.any(Array) })
  await expectAccessible(page)

  expect(watch).toEqual({ strays: [], faults: [] })
  await page.close()
})

test('in the dark, on a small screen; a worker that is not there; a failed request', async () => {
  await start(HOSTILE, [HOSTILE])
  const { page } = await openPage(browser(), scene, `#/workers/${INLINE}`, { width: 360, height: 640, dark: true })
  await page.getByRole('button', { name: 'Show stacks' }).click()
  await page.getByText('It runs in the thread of the worker itself').first().waitFor()
  await page.getByRole('row', { name: /^<img src=x .* \d yes$/ }).waitFor()
  await expectAccessible(page)
  await expectNoOverflow(page)
  await page.goto(`${scene.url}#/workers`)
  await page.getByRole('link', { name: THREADS }).waitFor()
  await expectNoOverflow(page)
  await page.goto(`${scene.url}#/workers/none`)
  await page.getByRole('heading', { name: 'No worker of this name answers' }).waitFor()
  await page.close()

  const failing = await openPage(browser(), scene, '#/queues')
  await failing.page.route('**/v1/workers', (route) => route.fulfill({ status: 500, body: '' }))
  await failing.page.route('**/v1/live*', (route) => route.abort())
  await failing.page.keyboard.press('g')
  await failing.page.keyboard.press('w')
  await failing.page.getByRole('alert').getByText('Internal Server Error').waitFor()
  await failing.page.unroute('**/v1/workers')
  await failing.page.getByRole('button', { name: 'Try again' }).click()
  await failing.page.getByRole('link', { name: THREADS }).waitFor()
  await failing.page.getByText('Connection lost, trying again').waitFor()
  await failing.page.close()
})

test('a viewer sees all, and each button says why it does nothing; the empty list says what to do', async () => {
  const token = 'a-token-of-sixteen-or-more'
  const authorize = bearer({ [token]: { id: 'ann', scopes: ['viewer'] } })
  const closed = await startDashboard({ define, http: { authorize } })
  const page = await browser().newPage()
  await page.goto(`${closed.url}#/workers`)
  await page.getByLabel('Token').fill(token)
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'No worker answers' }).waitFor()
  const worker = new Worker(closed.app, { hostname: 'celeriac@late' })
  await worker.start()
  await page.getByRole('link', { name: 'celeriac@late' }).click()
  for (const name of ['Quiet', 'Grow pool', 'Add consumer', 'Take a profile', 'Send heartbeat'])
    expect([name, await page.getByRole('button', { name }).getAttribute('title')]).toEqual([
      name,
      'This needs the role operator',
    ])
  const shutDown = page.getByRole('button', { name: 'Shut down' })
  expect(await shutDown.getAttribute('title')).toBe('This needs the role admin')
  await worker.stop()
  await page.getByRole('heading', { name: 'No worker of this name answers' }).waitFor()
  await page.close()
  await closed[Symbol.asyncDispose]()
})

test('shut down: asked before, and then the worker ends', async () => {
  const { page } = await openPage(browser(), scene, `#/workers/${INLINE}`)
  await page.getByRole('button', { name: 'Shut down' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click()
  await page.getByRole('button', { name: 'Shut down' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByText(/(finishes what it runs now \(\d tasks?\), and|@inline) ends\. What it has reserved/).waitFor()
  await dialog.getByRole('button', { name: 'Shut down' }).click()
  await page.getByText(`${INLINE} was asked to shut down`).waitFor()
  open()
  await page.getByRole('heading', { name: 'No worker of this name answers' }).waitFor()
  await page.close()
})
