import type { Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { internalsOf } from '../../src/app/internals.ts'
import { EVENT_EXCHANGE, eventEnvelope } from '../../src/protocol/event.ts'
import { until } from '../app/lab.ts'
import {
  HOSTILE,
  HOSTILE_NAME,
  type JobScene,
  lateTicks,
  percentile,
  section,
  startJobScene,
  watchTicks,
} from './jobScene.ts'
import { expectAccessible, expectNoOverflow, openPage, useBrowser } from './scene.ts'

const browser = useBrowser()
let jobs: JobScene
beforeAll(async () => {
  jobs = await startJobScene()
})
afterAll(() => jobs[Symbol.asyncDispose]())

const NOTHING = { strays: [], faults: [] }
const open = (id: string, options = {}) => openPage(browser(), jobs.scene, `#/jobs/${encodeURIComponent(id)}`, options)
const stateOf = async (id: string): Promise<string> => (await jobs.client().job(id).info()).state
/** The page of another job than this one. */
const otherJob = async (page: Page, id: string): Promise<string> => {
  await page.waitForURL((url) => url.hash.startsWith('#/jobs/') && !url.hash.includes(id))
  return page.url().split('/').at(-1) as string
}

test('a job that has succeeded: its facts, result, input and times, by mouse and keys', async () => {
  const id = await jobs.submit('report.render', [
    'A title',
    { deep: { list: [1, { two: 2 }] }, long: 'x'.repeat(5000) },
  ])
  await until(async () => (await stateOf(id)) === 'SUCCESS')
  const { page, watch } = await open(id)
  await page.getByRole('heading', { level: 1, name: 'report.render' }).getByText('SUCCESS').waitFor()
  const summary = page.getByRole('region', { name: 'Summary' })
  expect(await summary.getByRole('link', { name: 'celeriac@one' }).getAttribute('href')).toBe(
    '#/workers/celeriac%40one',
  )
  const result = section(page, 'Result')
  await result.getByText('1180591620717411303424').waitFor()
  const input = section(page, 'Input')
  await input.getByRole('button', { name: 'deep: {} 1 member' }).click()
  await input.getByRole('button', { name: 'list: [] 2 items' }).press('Enter')
  await input.getByRole('button', { name: /1: \{\} 1 member/ }).waitFor()
  expect(await input.textContent()).not.toContain('x'.repeat(200))
  await input.getByRole('button', { name: /long: .* 5,000 characters/ }).click()
  await input.getByRole('button', { name: /Show more/ }).waitFor()
  await section(page, 'Timeline')
    .getByText(/wait .* · run /)
    .waitFor()
  expect(await page.getByRole('button', { name: 'Revoke' }).getAttribute('title')).toBe('It has ended')
  await page.keyboard.press('?')
  const keys = page.getByRole('dialog', { name: 'Keys' })
  for (const name of ['Retry', 'Revoke', 'Terminate', 'Change', 'Forget', 'Copy as curl'])
    await keys.getByText(name, { exact: true }).waitFor()
  await page.keyboard.press('Escape')
  await expectAccessible(page)
  const downloaded = page.waitForEvent('download')
  await result.getByRole('button', { name: 'Download' }).click()
  expect((await downloaded).suggestedFilename()).toBe(`${id}.json`)
  expect(watch).toEqual(NOTHING)
  await page.close()
})

test('a job that has failed: error, cause and attempts; it is retried, with the same and with another input', async () => {
  const id = await jobs.submit('order.charge', { card: 'x', sum: -1 })
  await until(async () => (await stateOf(id)) === 'FAILURE')
  const { page, watch } = await open(id, { dark: true })
  const error = section(page, 'Error')
  await error.getByText('RangeError', { exact: true }).waitFor()
  await error.getByText('connection <b>refused</b>').waitFor()
  expect(await error.getByRole('region', { name: 'Caused by' }).getByRole('listitem').first().textContent()).toContain(
    'jobScene.ts',
  )
  await error.getByRole('button', { name: 'As text' }).click()
  await error.getByText('Caused by: TypeError').waitFor()
  const attempts = section(page, '2 attempts')
  await attempts.getByRole('row', { name: /Failed, to be retried/ }).waitFor()
  expect(await attempts.locator('del').textContent()).toBe('1')
  expect(await attempts.locator('ins').textContent()).toBe('2')
  await expectAccessible(page)

  await page.keyboard.press('r')
  const same = await otherJob(page, id)
  await page.goBack()
  await page.getByText(id, { exact: true }).waitFor()
  await section(page, '2 attempts').waitFor()
  await page.keyboard.press('i')
  const dialog = page.getByRole('dialog', { name: 'Retry with another input' })
  const field = dialog.getByLabel('Input, as JSON')
  await expect.poll(() => field.inputValue(), { timeout: 10_000 }).toContain('"sum": -1')
  await field.fill('{\n  "card": "x",\n  "sum": }')
  await dialog.getByText('Line 3, column 10').waitFor()
  await field.fill('{\n  "card": 5,\n  "sum": 7\n}')
  await dialog.getByRole('button', { name: 'Submit a new job' }).click()
  await dialog.getByText(/card: .*expected string/).waitFor()
  await dialog.getByRole('button', { name: 'Line 2, column 11' }).click()
  expect(await field.evaluate((element) => (element as unknown as { selectionStart: number }).selectionStart)).toBe(12)
  await expectAccessible(page)
  await field.fill('{ "card": "x", "sum": 7 }')
  await dialog.getByRole('button', { name: 'Submit a new job' }).click()
  const other = await otherJob(page, id)
  await section(page, 'Result').getByText('7').waitFor()
  expect([await jobs.client().job(other).result(), same === other]).toEqual([7, false])
  await expect(jobs.client().job(same).result()).rejects.toMatchObject({ kind: 'job-failed' })
  expect(watch).toEqual(NOTHING)
  await page.close()
})

test('a job that runs: log, output and progress come live; it is stopped, and the page says so', async () => {
  const id = await jobs.submit('wait.gate', { lines: 400 })
  const { page, watch } = await open(id, { width: 360, height: 640 })
  const log = section(page, 'Log')
  await log.getByText('401 lines').waitFor()
  await section(page, 'Output').getByText('Once upon a time').waitFor()
  await section(page, 'Progress').getByText('30 %').waitFor()
  const list = log.getByRole('listbox', { name: 'Log lines' })
  await list.getByText('line 399').waitFor()
  expect(await list.getByRole('option').count()).toBeLessThan(80)
  await list.press('Home')
  await list.getByText('line 0', { exact: true }).waitFor()
  expect(await log.getByRole('button', { name: 'Follow the end' }).getAttribute('aria-pressed')).toBe('false')
  await log.getByRole('region', { name: 'Line 1', exact: true }).getByText('line: 0').waitFor()
  await page.getByRole('heading', { level: 1 }).click()
  await page.keyboard.press('e')
  await list.getByText('line 399').waitFor()
  await log.getByLabel('Level').selectOption('error')
  await list.getByText('<img src=x onerror=alert(1)>').first().waitFor()
  await log.getByLabel('Level').selectOption('debug')
  await log.getByLabel('Search in the log').fill('line 17')
  await list.getByText('line 179').waitFor()
  expect(await list.getByRole('option').count()).toBe(11)
  await expectNoOverflow(page)
  await expectAccessible(page)

  await page.getByRole('button', { name: 'Revoke' }).click()
  await page.getByRole('dialog', { name: 'Revoke this job?' }).getByRole('button', { name: 'Cancel' }).click()
  expect(await stateOf(id)).toBe('STARTED')
  await page.getByRole('button', { name: 'More actions' }).click()
  await page.getByRole('button', { name: 'Terminate' }).click()
  await page.getByRole('dialog', { name: 'Terminate this job?' }).getByRole('button', { name: 'Terminate' }).click()
  await page.getByRole('heading', { level: 1 }).getByText('REVOKED').waitFor()
  expect(await stateOf(id)).toBe('REVOKED')
  expect(watch).toEqual(NOTHING)
  await page.close()
})

test('a line of the log is shown soon after it was written', async ({ annotate }) => {
  const id = await jobs.submit('ticks', { count: 40, gap: 60 })
  const { page } = await open(id)
  await section(page, 'Log').getByRole('listbox').waitFor()
  await watchTicks(page)
  jobs.tick()
  await section(page, 'Log').getByText('41 lines').waitFor()
  const late = await lateTicks(page)
  await annotate(`late lines, ms: p50 ${percentile(late, 0.5)}, p95 ${percentile(late, 0.95)}`)
  expect(late.length).toBeGreaterThan(2)
  expect(percentile(late, 0.5)).toBeLessThan(2000)
  await page.close()
})

test('a job of Python that the recorder alone knows: what its events say; it can be revoked', async () => {
  const id = crypto.randomUUID()
  const { broker, backend } = await internalsOf(jobs.scene.app).stores()
  const send = async (type: string, fields: object): Promise<void> => {
    const event = { type, hostname: 'celery@py', timestamp: Date.now() / 1000, uuid: id, ...fields }
    await broker.publish(eventEnvelope(event, 'celery@py'), { exchange: EVENT_EXCHANGE, routingKey: 'task.multi' })
  }
  await send('task-received', { name: 'python.task', args: "('a', nan)", kwargs: "{'secret': '…'}", retries: 0 })
  await until(async () => (await jobs.client().recorded.jobs({ task: 'python.task' })).jobs.length === 1)
  const { page, watch } = await open(id)
  await page.getByRole('heading', { level: 1, name: 'python.task' }).getByText('RECEIVED').waitFor()
  await section(page, 'Input').getByText("('a', nan)").waitFor()
  await page.getByText('The result backend has no record of it').waitFor()
  await send('task-started', {})
  await page.getByRole('heading', { level: 1 }).getByText('STARTED').waitFor()
  expect(await page.getByRole('button', { name: 'Retry', exact: true }).getAttribute('title')).toBe('It has not ended')
  await page.keyboard.press('v')
  await page.getByRole('dialog', { name: 'Revoke this job?' }).getByRole('button', { name: 'Revoke' }).click()
  await page.getByText('Its worker was asked to stop it').waitFor()
  expect(await backend.revoked.all()).toContain(id)
  const traceback = [
    'Traceback (most recent call last):',
    '  File "/srv/tasks.py", line 3, in load',
    '    raise ValueError("no")',
    'ValueError: no',
    '',
    'The above exception was the direct cause of the following exception:',
    '',
    'Traceback (most recent call last):',
    '  File "/usr/lib/python3/dist-packages/celery/app/trace.py", line 451, in trace_task',
    '  File "/srv/tasks.py", line 9, in run',
    'RuntimeError: gone',
  ].join('\n')
  await send('task-failed', { exception: "RuntimeError('gone')", traceback })
  const error = section(page, 'Error')
  await error.getByText('/srv/tasks.py:9').waitFor()
  await error.getByRole('region', { name: 'Caused by' }).getByText('raise ValueError("no")').waitFor()
  await error.getByText('1 library frame').click()
  await error.getByText('trace.py:451').waitFor()
  expect(watch).toEqual(NOTHING)
  await page.close()
})

test('hostile names, errors and arguments are texts', async () => {
  const id = await jobs.submit(HOSTILE_NAME, [`${HOSTILE} ${'y'.repeat(3000)}`])
  await until(async () => (await stateOf(id)) === 'FAILURE')
  const { page, watch } = await open(id, { width: 360 })
  await page.getByRole('heading', { level: 1 }).getByText('<img src=x onerror=alert(1)>\\u202egnp.').waitFor()
  await section(page, 'Error').getByText('\\u0000\\u0007').first().waitFor()
  expect(await page.locator('main img').count()).toBe(0)
  expect(await page.locator('main').textContent()).not.toMatch(/[\u202e\0]/)
  await expectNoOverflow(page)
  expect(watch).toEqual(NOTHING)
  await page.close()
})
