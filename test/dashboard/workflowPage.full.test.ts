import type { Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createClient } from '../../src/client/client.ts'
import { bearer } from '../../src/http/access/auth.ts'
import { type Celeriac, chain, chord, currentTask, group } from '../../src/index.ts'
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
let tasks: ReturnType<typeof define>

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

function define(app: Celeriac) {
  const load = app.task('load', (n: number) => n)
  return {
    load,
    resize: app.task('images.resize', async (n: number, ms: number) => {
      await pause(ms)
      return n
    }),
    sum: app.task('sum', (list: readonly number[]) => list.reduce((all, one) => all + one, 0)),
    note: app.task('<b>note</b>\u202e', (_: unknown) => 0),
    fail: app.task('fail', (_: unknown): number => {
      throw new RangeError('no <img src=x> here')
    }),
    spawn: app.task('spawn', async () => {
      await load.delay(1)
    }),
    hold: app.task('hold', async (n: number) => {
      const { signal } = currentTask() as { signal: AbortSignal }
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }))
      return n
    }),
  }
}

const client = () => createClient(scene.server.url)
const rootOf = async (id: string): Promise<string> => (await client().workflow(id)).rootId
const row = (page: Page, name: string | RegExp) => page.locator('.waterfall tbody tr').filter({ hasText: name })
const node = (page: Page, name: string | RegExp) => page.locator('.drawing').getByRole('button', { name })

beforeAll(async () => {
  scene = await startDashboard({
    define: (app) => {
      tasks = define(app)
    },
  })
  // The first request starts the recorder.
  await client().recorded.jobs()
  worker = new Worker(scene.app, { hostname: 'celeriac@one', concurrency: 4, taskEvents: true })
  await worker.start()
})
afterAll(async () => {
  await worker.stop({ grace: 0 })
  await scene[Symbol.asyncDispose]()
})

test('the list: empty at first; a chain, a group and a nested canvas come by themselves, and are opened by keys', async () => {
  const { load, resize, sum } = tasks
  const { page, watch } = await openPage(browser(), scene, '#/workflows')
  await page.getByRole('heading', { name: 'No workflows' }).waitFor()
  await expectAccessible(page)
  await chain(load.s(1), resize.s(0), resize.s(0)).delay().get()
  await (await group([resize.s(1, 0), resize.s(2, 0)]).delay()).join()
  await chord([load.s(1), load.s(2)], sum.s())
    .delay()
    .get()
  const rows = page.locator('tbody tr')
  await rows.nth(2).waitFor()
  await rows.filter({ hasText: '3 SUCCESS' }).nth(1).waitFor()
  await rows.filter({ hasText: '2 SUCCESS' }).waitFor()
  await expectAccessible(page)
  await page.getByRole('combobox', { name: 'First task' }).selectOption('images.resize')
  await rows.nth(1).waitFor({ state: 'detached' })
  await page.getByRole('combobox', { name: 'First task' }).selectOption('sum')
  await page.getByRole('heading', { name: 'No workflow begins with this task' }).waitFor()
  await page.getByRole('button', { name: 'Show all workflows' }).click()
  await rows.nth(2).waitFor()
  await page.keyboard.press('j')
  await page.keyboard.press('j')
  await page.keyboard.press('k')
  await page.keyboard.press('Enter')
  await page.getByText('Critical path').first().waitFor()
  expect(watch).toEqual({ strays: [], faults: [] })
  await page.close()
})

test('graph and waterfall of a nested canvas, its critical path, and one job beside it', async () => {
  const { load, resize, sum, note } = tasks
  const canvas = chain(load.s(3), group([resize.s(10), chain(resize.s(150), resize.s(200))]), sum.s().link(note.s()))
  const handle = await canvas.delay()
  await handle.get()
  await until('its callback', async () => (await client().workflow(handle.id)).done === 6)
  const { page, watch } = await openPage(browser(), scene, `#/workflows/${await rootOf(handle.id)}`)
  await page.getByText(/Critical path: 5 of 6 jobs, .* of which \d+ ms in images\.resize/).waitFor()
  await row(page, 'note').waitFor()
  const names = await page.locator('.waterfall .job-column').allInnerTexts()
  expect(
    names.map((name) => name.replace(/Level (\d+):\s*/, '$1 ').replace(/\s*On the critical path\s*/, ' *')),
  ).toEqual([
    '1 load *',
    '1 Group of 3',
    '2 images.resize',
    '2 images.resize *',
    '2 images.resize *',
    '1 sum *',
    '1 <b>note</b>\\u202e *',
  ])
  expect(await page.locator('main b, main img').count()).toBe(0)
  await expect.poll(() => node(page, /^images\.resize SUCCESS/).count()).toBe(3)
  expect(await page.locator('.drawing .edge.critical').count()).toBe(4)
  await page.getByText('body of a chord').waitFor()
  await expectAccessible(page)

  // What is looked at in the one is marked in the other.
  await row(page, 'sum').hover()
  await page.locator('.node.lit').filter({ hasText: 'sum' }).waitFor()
  await node(page, /^load /).hover()
  await page.locator('.waterfall tr.current').filter({ hasText: 'load' }).waitFor()

  // By keys: the drawing, its jobs, one of them, and back.
  const drawing = page.locator('.drawing > g')
  const place = () => drawing.getAttribute('transform')
  await page.getByRole('group', { name: /^Graph of the jobs/ }).focus()
  const first = await place()
  for (const key of ['ArrowLeft', 'ArrowDown', '+', '-']) {
    const before = await place()
    await page.keyboard.press(key)
    await expect.poll(place).not.toBe(before)
  }
  await page.keyboard.press('0')
  await expect.poll(place).toBe(first)
  await page.keyboard.press('Tab')
  await page.keyboard.press('ArrowRight')
  expect(await page.evaluate('document.activeElement.getAttribute("aria-label")')).toContain('images.resize')
  await page.keyboard.press('Enter')
  const panel = page.getByRole('complementary', { name: 'Job' })
  await panel.getByText('celeriac@one').waitFor()
  await expectAccessible(page)
  await page.keyboard.press('Escape')
  await panel.waitFor({ state: 'detached' })
  expect(await page.evaluate('document.activeElement.getAttribute("aria-label")')).toContain('images.resize')

  // By the mouse: a drag moves it and opens nothing, a click opens.
  const box = await page.locator('.graph').boundingBox()
  const [x, y] = [(box?.x ?? 0) + 30, (box?.y ?? 0) + 20]
  await page.mouse.move(x, y)
  await page.mouse.down()
  await page.mouse.move(x + 80, y + 30, { steps: 3 })
  await page.mouse.up()
  await expect.poll(place).not.toBe(first)
  await page.keyboard.down('Control')
  await page.mouse.wheel(0, -200)
  await page.keyboard.up('Control')
  for (const name of ['Zoom in', 'Zoom out', 'Show the whole graph']) await page.getByRole('button', { name }).click()
  await expect.poll(place).toBe(first)
  await node(page, /^sum /).click()
  await panel.getByRole('link', { name: 'Open the job' }).click()
  await page.waitForURL(/#\/jobs\//)
  expect(watch).toEqual({ strays: [], faults: [] })
  await page.close()
})

test('a workflow that runs is followed, and revoked as a whole; dark, on 360 px', async () => {
  const { load, hold, sum, resize } = tasks
  const handle = await chain(chord([load.s(1), hold.s(2)], sum.s()), resize.s(0)).delay()
  const root = await rootOf(handle.id)
  const { page, watch } = await openPage(browser(), scene, `#/workflows/${root}`, {
    width: 360,
    height: 740,
    dark: true,
  })
  await row(page, 'hold').getByText('STARTED').waitFor()
  await page.getByText('Critical path so far').waitFor()
  await expectAccessible(page)
  await expectNoOverflow(page)
  await page.getByRole('button', { name: 'Revoke the workflow' }).click()
  const dialog = page.getByRole('dialog', { name: 'Revoke this workflow?' })
  await dialog.getByText('3 jobs have not ended').waitFor()
  await dialog.getByRole('button', { name: 'Cancel' }).click()
  await page.getByRole('button', { name: 'Revoke the workflow' }).click()
  await dialog.getByRole('button', { name: 'Revoke the workflow' }).click()
  await row(page, 'hold').getByText('REVOKED').waitFor()
  await row(page, 'images.resize').getByText('REVOKED').waitFor()
  await node(page, /^hold REVOKED/).waitFor()
  const tree = await client().workflow(root)
  const states = tree.nodes.filter(({ kind }) => kind === 'task').map(({ task, state }) => `${task} ${state}`)
  expect(states).toEqual(['load SUCCESS', 'hold REVOKED', 'sum REVOKED', 'images.resize REVOKED'])
  expect(watch).toEqual({ strays: [], faults: [] })
  await page.close()
})

test('a job that failed: its error, and submitted again', async () => {
  const { load } = tasks
  const { id } = await client().submitWorkflow({
    task: 'celery.chain',
    kwargs: { tasks: [load.s(1), tasks.fail.s(), load.s()] },
  } as never)
  await until('its end', async () => (await client().job(id).info()).state === 'FAILURE')
  const root = await rootOf(id)
  const { page, watch } = await openPage(browser(), scene, `#/workflows/${root}`)
  await row(page, /^Level \d: fail/)
    .getByRole('button')
    .click()
  const panel = page.getByRole('complementary', { name: 'Job' })
  await panel.getByText('RangeError: no <img src=x> here').waitFor()
  await panel.getByRole('button', { name: 'Retry this job' }).click()
  const dialog = page.getByRole('dialog', { name: 'Retry this job?' })
  await dialog.getByText('The new job is not part of this workflow').waitFor()
  await dialog.getByRole('button', { name: 'Retry the job' }).click()
  // Of jobs that did not come over HTTP by themselves, no input is kept.
  await page.locator('.toast.problem').getByText(/input/i).waitFor()
  await page.locator('.toast').getByRole('button', { name: 'Close' }).click()

  const { id: spawned } = await client().submit('spawn' as never, [] as never)
  await until('its child', async () => (await client().recorded.workflows({ task: 'spawn' })).workflows.length === 1)
  await page.goto(`${scene.url}#/workflows/${spawned}`)
  await row(page, /^Level \d: spawn/)
    .getByRole('button')
    .click()
  await panel.getByRole('button', { name: 'Retry this job' }).click()
  await dialog.getByRole('button', { name: 'Retry the job' }).click()
  await page.getByText('Submitted as a new job').waitFor()
  await page.waitForURL(/#\/jobs\//)
  const retry = decodeURIComponent(page.url().split('/').at(-1) ?? '')
  await until('the new job', async () => {
    const { jobs } = await client().recorded.jobs({ task: 'spawn', state: 'SUCCESS' })
    return jobs.some((job) => job.id === retry)
  })
  expect(watch).toEqual({ strays: [], faults: [] })
  await page.close()
})

test('no such workflow, a request that fails, and a viewer', async () => {
  const { page, watch } = await openPage(browser(), scene, '#/workflows/none')
  await page.getByRole('heading', { name: 'No such workflow' }).waitFor()
  const problem = JSON.stringify({ type: 'about:blank', title: 'The store is down', status: 500 })
  const down = { status: 500, contentType: 'application/problem+json', body: problem }
  await page.route('**/v1/workflows*', (route) => route.fulfill(down))
  await page.goto(`${scene.url}#/workflows`)
  await page.getByRole('alert').getByText('The store is down').waitFor()
  expect(watch).toEqual({ strays: [], faults: [] })

  const authorize = bearer({ 'a-token-of-vic-1234': { id: 'vic', scopes: ['viewer'] } })
  let theirs = tasks
  await using other = await startDashboard({
    define: (app) => {
      theirs = define(app)
    },
    http: { authorize },
  })
  const asVic = createClient(other.server.url, { token: 'a-token-of-vic-1234' })
  await asVic.recorded.jobs()
  const handle = await chain(theirs.load.s(1), theirs.load.s()).delay()
  const { rootId } = await asVic.workflow(handle.id)
  const viewer = await openPage(browser(), other, `#/workflows/${rootId}`)
  await viewer.page.getByLabel('Token').fill('a-token-of-vic-1234')
  await viewer.page.keyboard.press('Enter')
  const revoke = viewer.page.getByRole('button', { name: 'Revoke the workflow' })
  await revoke.waitFor()
  expect(await revoke.getAttribute('title')).toBe('This needs the role operator')
  await viewer.page.close()
  await page.close()
})
