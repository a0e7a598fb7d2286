import type { Browser, Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { until } from '../app/lab.ts'
import { project, start } from '../cli/harness.ts'
import { watchPage } from '../http/browser.ts'
import type { PythonClient } from '../interop/celery.ts'
import { Fleet, type FleetOptions } from '../interop/fleet.ts'
import { expectAccessible } from './scene.ts'

const PYTHON = 'py@test'
const SHOWN_MS = 20_000

/** A fleet of Celery in Python, and `celeriac dashboard` beside it as a user starts it. */
interface Scene {
  readonly fleet: Fleet
  readonly python: PythonClient
  readonly page: Page
}

/** Debian's Celery, without one line of TypeScript: seen in the page, pressed there, and checked in Python. */
export function celerySuite(browser: () => Browser, options: FleetOptions): void {
  test(`a fleet of Celery alone on ${options.broker}: seen and pressed in the page`, async ({ onTestFinished }) => {
    const fleet = await Fleet.start(options)
    onTestFinished(() => fleet.end())
    // It sends no events of tasks until it is asked for them.
    await fleet.pythonWorker({ hostname: PYTHON, pool: 'prefork', concurrency: 2, heartbeat: true, extended: true })
    const python = await fleet.pythonClient({ extended: true })
    const command = ['dashboard', '-b', fleet.broker, '--result-backend', fleet.backend, '--port', '0']
    const running = start(project({}), command)
    await running.until(/\/v1\/doctor\n/)
    const login = /^ \.> open (\S+)$/m.exec(running.stdout)?.[1] ?? ''
    const page = await browser().newPage({ viewport: { width: 1280, height: 900 } })
    onTestFinished(() => page.close())
    page.setDefaultTimeout(SHOWN_MS)
    const watch = await watchPage(page, new URL(login).origin)
    // The URL that the command has printed logs in; the page has no token.
    await page.goto(login)
    await page.getByRole('heading', { level: 1 }).waitFor()
    expect(page.url()).not.toContain('token')
    const scene = { fleet, python, page }
    await workerIsShown(scene)
    await poolGrowsAndShrinks(scene)
    await limitsAreSet(scene)
    await runIsTerminated(scene)
    await consumersChange(scene)
    await queueHasDepth(scene)
    await jobsAreShown(scene)
    await failureIsShown(scene)
    await workerIsShutDown(scene)
    expect(watch).toEqual({ strays: [], faults: [] })
  })
}

async function visit(page: Page, title: string): Promise<void> {
  await page.getByRole('navigation').getByRole('link', { name: title, exact: true }).click()
  await page.getByRole('heading', { level: 1, name: title }).waitFor()
}

async function openWorker(page: Page): Promise<void> {
  await visit(page, 'Workers')
  await page.getByRole('link', { name: PYTHON }).click()
  await page.getByRole('heading', { level: 1, name: PYTHON }).waitFor()
}

/** What the worker answers to `app.control.inspect` in Python. */
async function inspected<Answer>(python: PythonClient, method: string): Promise<Answer> {
  const answers = await python.call<Record<string, Answer> | null>('inspect', { method, destination: [PYTHON] })
  return answers?.[PYTHON] as Answer
}

async function press(page: Page, action: string, answer: string | RegExp): Promise<void> {
  const form = page.getByRole('form', { name: action, exact: true })
  await form.getByRole('button', { name: action }).click()
  await form.getByText(answer).waitFor()
}

async function workerIsShown({ page }: Scene): Promise<void> {
  await visit(page, 'Workers')
  const row = page.getByRole('row', { name: new RegExp(`^${PYTHON}`) })
  await row.getByText('0 / 2').waitFor()
  await row.getByText('Online').waitFor()
  await row.getByRole('link', { name: 'python' }).waitFor()
  // Its heartbeat has said so.
  await row.getByText('Celery 5.').waitFor()
  await page.getByRole('link', { name: PYTHON }).click()
  await page.getByText('Celery’s workers do not know quiet').waitFor()
  for (const name of ['Quiet', 'Take a profile', 'Show stacks'])
    expect([name, await page.getByRole('button', { name }).count()]).toEqual([name, 0])
  await page.getByRole('row', { name: /^py\.add 0 yes$/ }).waitFor()
  await expectAccessible(page)
}

async function poolGrowsAndShrinks({ page, python }: Scene): Promise<void> {
  const processes = async (): Promise<number> =>
    (await inspected<{ pool: { processes: number[] } }>(python, 'stats')).pool.processes.length
  await press(page, 'Grow pool', 'pool will grow')
  await page.getByText(/ × 3$/).waitFor()
  expect(await processes()).toBe(3)
  await press(page, 'Shrink pool', 'pool will shrink')
  await page.getByText(/ × 2$/).waitFor()
  expect(await processes()).toBe(2)
  await page.getByText('It was started without autoscale').waitFor()
  await page.getByRole('button', { name: 'Restart pool' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Restart pool' }).click()
  // Celery's word: it was started without worker_pool_restarts.
  await page.getByRole('alert').getByText('Pool restarts not enabled').waitFor()
}

async function limitsAreSet({ page, python }: Scene): Promise<void> {
  const rate = page.getByRole('form', { name: 'Set rate limit' })
  await rate.getByLabel('Task').fill('py.add')
  await rate.getByLabel('Rate').fill('100/m')
  await press(page, 'Set rate limit', 'new rate limit set successfully')
  expect(await inspected<string[]>(python, 'registered')).toContain('py.add [rate_limit=100/m]')
  const time = page.getByRole('form', { name: 'Set time limits' })
  await time.getByLabel('Task').fill('py.add')
  await time.getByLabel('Soft (s)').fill('20')
  await time.getByLabel('Hard (s)').fill('30')
  await press(page, 'Set time limits', 'time limits set successfully')
}

async function runIsTerminated({ page, python }: Scene): Promise<void> {
  const id = await python.send('py.sleep', [60])
  const row = page.getByRole('row', { name: /^py\.sleep/ })
  await row.getByText('[60]').waitFor()
  expect((await inspected<{ id: string }[]>(python, 'active')).map((task) => task.id)).toEqual([id])
  await row.getByRole('button', { name: 'Terminate' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Terminate' }).click()
  await page.getByText('It runs no task now.').waitFor()
  expect((await python.get(id)).status).toBe('REVOKED')
  expect(await inspected<string[]>(python, 'revoked')).toContain(id)
}

async function consumersChange({ page, python }: Scene): Promise<void> {
  await openWorker(page)
  const queues = async (): Promise<string[]> =>
    (await inspected<{ name: string }[]>(python, 'active_queues')).map(({ name }) => name)
  await page.getByRole('form', { name: 'Add consumer' }).getByLabel('Queue').fill('added')
  await press(page, 'Add consumer', 'add consumer added')
  await page.getByRole('button', { name: 'Cancel consumer of added' }).waitFor()
  expect((await queues()).toSorted()).toEqual(['added', 'python'])
  await page.getByRole('button', { name: 'Cancel consumer of added' }).click()
  await until(async () => !(await queues()).includes('added'))
  await page.getByRole('button', { name: 'Cancel consumer of added' }).waitFor({ state: 'detached' })
  for (const [action, answer] of [
    ['Disable events', 'task events disabled'],
    ['Enable events', 'task events enabled'],
  ] as const)
    await press(page, action, answer)
}

/** Without a consumer its messages wait; with one again they run. */
async function queueHasDepth({ fleet, page, python }: Scene): Promise<void> {
  await page.getByRole('button', { name: 'Cancel consumer of python' }).click()
  await page.getByText('It takes from no queue.').waitFor()
  const ids: string[] = []
  for (let count = 0; count < 3; count++) ids.push(await python.send('py.add', [2, 40 + count]))
  await visit(page, 'Queues')
  await page.getByRole('row', { name: /^python\b.*\b3\b/ }).waitFor()
  await openWorker(page)
  await page.getByRole('form', { name: 'Add consumer' }).getByLabel('Queue').fill('python')
  await press(page, 'Add consumer', 'add consumer python')
  expect(await Promise.all(ids.map(async (id) => (await python.get(id)).result))).toEqual([42, 43, 44])
  await page.getByRole('row', { name: /^py\.add 3 yes$/ }).waitFor()
  await visit(page, 'Queues')
  await page.getByRole('row', { name: /^python\b.*\b0\b/ }).waitFor()
  // What RabbitMQ counts are those of the queue, what others count are all workers.
  const isCounted = /^(py)?amqp/.test(fleet.broker)
  expect(await page.getByRole('columnheader', { name: 'Consumers' }).count()).toBe(isCounted ? 1 : 0)
}

/** Jobs with their states, and one with its result and its worker. */
async function jobsAreShown({ page, python }: Scene): Promise<void> {
  const id = await python.send('py.add', [30, 3])
  expect((await python.get(id)).result).toBe(33)
  await visit(page, 'Jobs')
  const row = (text: string, state: string) =>
    page.getByRole('row').filter({ hasText: text }).filter({ hasText: state }).first()
  await row('py.sleep', 'REVOKED').waitFor()
  await row('[30, 3]', 'SUCCESS').getByRole('link', { name: 'py.add' }).click()
  await page.getByRole('heading', { level: 1, name: 'py.add' }).getByText('SUCCESS').waitFor()
  await section(page, 'Result').getByText('33').waitFor()
  await page.getByRole('link', { name: PYTHON }).first().waitFor()
}

async function failureIsShown({ page, python }: Scene): Promise<void> {
  const id = await python.send('py.fail', ['boom <b>'])
  expect((await python.get(id)).status).toBe('FAILURE')
  await visit(page, 'Failures')
  const group = page.getByRole('row').filter({ hasText: 'py.fail' })
  await group.getByText('boom <b>').waitFor()
  await group.getByRole('link').first().click()
  await page.getByRole('heading', { level: 1, name: 'ValueError' }).waitFor()
  const traceback = page.getByRole('region', { name: 'Last traceback' })
  await traceback.getByText('raise ValueError').waitFor()
  await page.goto(`${page.url().split('#')[0]}#/jobs/${id}`)
  await page.getByRole('heading', { level: 1, name: 'py.fail' }).getByText('FAILURE').waitFor()
  await section(page, 'Error').getByText('boom <b>').first().waitFor()
  await section(page, 'Error').getByText('tasks.py').first().waitFor()
}

async function workerIsShutDown({ page, python }: Scene): Promise<void> {
  await openWorker(page)
  await page.getByRole('button', { name: 'Shut down' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Shut down' }).click()
  await page.getByRole('heading', { name: 'No worker of this name answers' }).waitFor()
  expect(await python.call('ping', { destination: [PYTHON] })).toEqual([])
}

function section(page: Page, name: string) {
  return page.locator('section.card').filter({ has: page.getByRole('heading', { level: 2, name }) })
}
