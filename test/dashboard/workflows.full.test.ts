import type { Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { createClient } from '../../src/client/client.ts'
import { type Celeriac, chord } from '../../src/index.ts'
import { until } from '../../src/testing/kit.ts'
import { Worker } from '../../src/worker/worker.ts'
import { Fleet } from '../interop/fleet.ts'
import { expectAccessible, openPage, startDashboard, useBrowser } from './scene.ts'

const browser = useBrowser()
const row = (page: Page, name: string | RegExp) => page.locator('.waterfall tbody tr').filter({ hasText: name })

test('a canvas of a pure Python fleet: its graph, its waterfall and its list', async () => {
  const fleet = await Fleet.start()
  await using _ = { [Symbol.asyncDispose]: () => fleet.end() }
  await using scene = await startDashboard({ broker: fleet.broker })
  const client = createClient(scene.server.url)
  const python = await fleet.pythonClient({ queue: 'python' })
  // Its threads lose events of each other.
  await fleet.pythonWorker({ hostname: 'py@test', pool: 'prefork', concurrency: 2, events: true })
  await until('events of the worker', async () => {
    await python.run('py.add', [1, 2])
    return (await client.recorded.jobs({ task: 'py.add' })).jobs.length > 0
  })
  const add = (x: number) => ({ task: 'py.add', args: [x] })
  const canvas = {
    chain: [{ task: 'py.add', args: [1, 2] }, { group: [add(10), { chain: [add(20), add(30)] }] }, { task: 'py.echo' }],
  }
  const id = (await python.call('run_canvas', { spec: canvas })) as string
  await until('the end of the canvas', async () => {
    const { workflows } = await client.recorded.workflows({ task: 'py.add' })
    return workflows[0]?.total === 5 && workflows[0]?.endedAt !== undefined
  })
  const { page, watch } = await openPage(browser(), scene, '#/workflows')
  await page.locator('tbody tr').filter({ hasText: '5 SUCCESS' }).waitFor()
  await page.keyboard.press('j')
  await page.keyboard.press('Enter')
  await page.getByText(/Critical path: \d of 5 jobs/).waitFor()
  await row(page, 'py.echo').getByText('SUCCESS').waitFor()
  expect(await page.locator('.waterfall tbody tr').filter({ hasText: 'py.add' }).count()).toBe(4)
  expect(await page.locator('.drawing [data-node]').count()).toBe(5)
  expect(await page.locator('.drawing .edge').count()).toBeGreaterThanOrEqual(4)
  expect(id).toBeDefined()
  await page
    .locator('.drawing')
    .getByRole('button', { name: /^py.echo SUCCESS/ })
    .click()
  await page.getByRole('complementary', { name: 'Job' }).getByText('py@test').waitFor()
  await expectAccessible(page)
  expect(watch).toEqual({ strays: [], faults: [] })
}, 120_000)

const MEMBERS = 9_998

test('a workflow of 10,000 jobs opens at once, is scrolled by keys, and shows members of its group', async () => {
  let tasks: ReturnType<typeof define> | undefined
  const define = (app: Celeriac) => ({
    one: app.task('one', (n: number) => n),
    sum: app.task('sum', (list: readonly number[]) => list.length),
  })
  await using scene = await startDashboard({
    define: (app) => {
      tasks = define(app)
    },
  })
  const { one, sum } = tasks as ReturnType<typeof define>
  const client = createClient(scene.server.url)
  await client.recorded.jobs()
  const worker = new Worker(scene.app, { concurrency: 50, taskEvents: true })
  await worker.start()
  const header = Array.from({ length: MEMBERS }, (_, n) => one.s(n))
  const handle = await chord(header, sum.s()).delay()
  await handle.get({ timeout: '200s' })
  const { rootId } = await client.workflow(handle.id)
  await until('all events', async () => {
    const [found] = (await client.recorded.workflows()).workflows
    return found?.total === MEMBERS + 1
  })
  await worker.stop()

  const { page, watch } = await openPage(browser(), scene, '#/workflows')
  await page.locator('tbody tr a').first().waitFor()
  const before = performance.now()
  await page.locator('tbody tr a').first().click()
  await page.locator('.drawing .bundle').first().waitFor()
  await row(page, /Group of/).waitFor()
  const ms = performance.now() - before
  console.info(`a workflow of ${MEMBERS + 1} jobs is shown after ${Math.round(ms)} ms`)
  expect(ms).toBeLessThan(8000)
  expect(page.url()).toContain(rootId)
  expect(await page.locator('.waterfall tbody tr').count()).toBeLessThan(120)
  expect(await page.locator('.waterfall table').getAttribute('aria-rowcount')).toBe(String(MEMBERS + 3))
  await page.locator('.waterfall .rows').evaluate((element) => {
    element.scrollTop = element.scrollHeight
  })
  await row(page, 'sum').waitFor()
  const bundle = page.locator('.drawing').getByRole('button', { name: /× one .* Enter shows some of them/ })
  const count = await page.locator('.drawing [data-node]').count()
  await bundle.focus()
  await page.keyboard.press('Enter')
  await expect.poll(() => page.locator('.drawing [data-node]').count()).toBe(count + 60)
  // The page answers while it has all that.
  expect(
    await page.evaluate(
      'new Promise((done) => { const at = performance.now(); setTimeout(() => done(performance.now() - at), 0) })',
    ),
  ).toBeLessThan(500)
  expect(watch).toEqual({ strays: [], faults: [] })
}, 300_000)
