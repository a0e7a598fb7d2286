import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { createClient } from '../../src/client/client.ts'
import { bearer } from '../../src/http/access/auth.ts'
import { type Celeriac, chain, currentTask } from '../../src/index.ts'
import { Reject } from '../../src/std/errors.ts'
import { until } from '../../src/testing/kit.ts'
import { Worker } from '../../src/worker/worker.ts'
import { deadIn } from '../deadLetters.ts'
import type { Watch } from '../http/browser.ts'
import {
  type DashboardScene,
  expectAccessible,
  expectNoOverflow,
  openPage,
  startDashboard,
  useBrowser,
} from './scene.ts'

/* Each page once: opened, with real data, its most important button pressed, and looked at by axe. The full tier has the rest. */

const NAME = 'celeriac@one'
const browser = useBrowser()
let scene: DashboardScene
let worker: Worker
let page: Page
let watch: Watch
let isMended = false

beforeAll(async () => {
  scene = await startDashboard({ define, options: { queues: { mail: {} } } })
  // The first request starts the recorder.
  await client().recorded.jobs()
  worker = new Worker(scene.app, { hostname: NAME, concurrency: 4, taskEvents: true, logger: false })
  await worker.start()
  ;({ page, watch } = await openPage(browser(), scene))
})
afterEach(() => expect(watch).toEqual({ strays: [], faults: [] }))
afterAll(async () => {
  await page.close()
  await worker.stop({ grace: 0 })
  await scene[Symbol.asyncDispose]()
})

function define(app: Celeriac): void {
  app.task('math.add', (x: number, y: number) => x + y, { params: { x: z.number(), y: z.number() } })
  app.task({
    name: 'mail.send',
    input: z.object({ to: z.string() }),
    run: ({ to }) => {
      if (!isMended) throw new RangeError(`no mailbox '<b>${to}</b>'`)
      return to
    },
  })
  app.task('report', (text: string) => {
    if (!isMended) throw new Reject(`no report of ${text}`)
    return text
  })
  app.task('hold', async (_: number) => {
    const { signal } = currentTask() as { signal: AbortSignal }
    await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }))
  })
}

const client = () => createClient(scene.server.url)
const press = (name: string | RegExp): Promise<void> => page.getByRole('button', { name, exact: true }).first().click()
const inDialog = (name: string): Promise<void> =>
  page.getByRole('dialog').getByRole('button', { name, exact: true }).last().click()
const heading = (name: string): Promise<void> => page.getByRole('heading', { level: 1, name }).waitFor()
const idInUrl = (): string => decodeURIComponent(page.url().split('/').at(-1) ?? '')

/** Another page of the same document. */
async function go(hash: string, title: string): Promise<void> {
  await page.evaluate(`location.hash = ${JSON.stringify(hash)}`)
  await heading(title)
}

async function runTask(task: string, input: unknown): Promise<string> {
  const { id } = await client().submit(task as never, input as never)
  await until('its end', async () => !['PENDING', 'STARTED'].includes((await client().job(id).info()).state))
  return id
}

const jobsIn = async (task: string, state: string): Promise<number> =>
  (await client().recorded.jobs({ task, state })).jobs.length

test('every page of the navigation opens', async () => {
  const titles = await page.getByRole('navigation').getByRole('link').allTextContents()
  expect(titles.length).toBeGreaterThan(8)
  for (const title of titles.map((text) => text.trim())) {
    await page.getByRole('navigation').getByRole('link', { name: title, exact: true }).click()
    await heading(title)
  }
})

test('overview', async () => {
  await go('#/', 'Overview')
  const tile = (name: string) => page.locator('.tile').filter({ hasText: new RegExp(`^${name}`) })
  await tile('Workers').getByText('1', { exact: true }).waitFor()
  await tile('Running').getByText('of 4 slots').waitFor()
  await runTask('math.add', [1, 2])
  await tile('Finished').getByText('1', { exact: true }).waitFor()
  await page.getByRole('radio', { name: '1 hour' }).check()
  await page.getByRole('row', { name: /math.add/ }).waitFor()
  expect(page.url()).toMatch(/#\/\?range=1h$/)
  await expectAccessible(page)
})

test('jobs: they come by themselves, and the selected ones are retried', async () => {
  await go('#/jobs?task=mail.send', 'Jobs')
  await runTask('mail.send', { to: 'ann' })
  const rows = page.locator('tr.line')
  await rows
    .filter({ hasText: /no mailbox .*<b>ann</ })
    .getByRole('checkbox')
    .check()
  await expectAccessible(page)
  await press('Retry')
  await inDialog('Retry 1 job')
  await page.getByRole('dialog').getByText('Done. 1 job of 1 is submitted again.').waitFor()
  await inDialog('Close')
  await rows.nth(1).getByText('FAILURE').waitFor()
  expect(await jobsIn('mail.send', 'FAILURE')).toBe(2)
})

test('a job: its error, and it is retried', async () => {
  const id = await runTask('mail.send', { to: 'eve' })
  await go(`#/jobs/${id}`, 'mail.send')
  await page.getByRole('heading', { level: 1 }).getByText('FAILURE').waitFor()
  await page.getByText("no mailbox '<b>eve</b>'").first().waitFor()
  await expectAccessible(page)
  await press('Retry')
  await page.waitForURL((url) => !url.hash.includes(id))
  await expect(client().job(idInUrl()).result()).rejects.toMatchObject({ kind: 'job-failed' })
})

test('failures: a group and its jobs, which are submitted again', async () => {
  await until('the failures to be recorded', async () => (await jobsIn('mail.send', 'FAILURE')) === 4)
  await go('#/failures', 'Failures')
  await page.locator('tbody').getByRole('link').first().click()
  await page.getByRole('region', { name: 'Last traceback' }).getByText('RangeError: no mailbox').waitFor()
  await expectAccessible(page)
  isMended = true
  await press('Retry the group')
  await inDialog('Retry 4 jobs')
  await page.getByRole('dialog').getByText('3 jobs of 4 are submitted again').waitFor()
  await inDialog('Close')
  await until('the new jobs to succeed', async () => (await jobsIn('mail.send', 'SUCCESS')) === 3)
})

test('workflows: one that runs is opened from the list, and revoked as a whole', async () => {
  const { app } = scene
  const task = (name: string) => app.tasks.get(name) as NonNullable<ReturnType<Celeriac['tasks']['get']>>
  const { id } = (await chain(
    task('math.add').s(...([1, 2] as never[])),
    task('hold').s(),
    task('report').s(),
  ).delay()) as { id: string }
  await go('#/workflows', 'Workflows')
  await page.locator('tbody').getByRole('link').first().click()
  const row = (name: string) => page.locator('.waterfall tbody tr').filter({ hasText: name })
  await row('hold').getByText('STARTED').waitFor()
  await page
    .locator('.drawing')
    .getByRole('button', { name: /^report PENDING/ })
    .waitFor()
  await expectAccessible(page)
  await press('Revoke the workflow')
  await inDialog('Revoke the workflow')
  await row('hold').getByText('REVOKED').waitFor()
  const { nodes } = await client().workflow(id)
  expect(nodes.map(({ task, state }) => `${task} ${state}`)).toEqual([
    'math.add SUCCESS',
    'hold REVOKED',
    'report REVOKED',
  ])
})

test('queues: one is paused and resumed, opened, looked into, and purged', async () => {
  const { app } = scene
  await go('#/queues', 'Queues')
  await app.send('report', ['<i>x</i>'], { queue: 'mail' })
  await page.getByRole('row', { name: /^mail/ }).getByText('No worker').waitFor()
  await page.getByText('1 waiting').waitFor()
  await press('Pause queue mail')
  await page.getByRole('row', { name: /^mail/ }).getByText('Paused').waitFor()
  expect(await app.limits.paused()).toMatchObject([{ rule: 'queue:mail' }])
  await expectAccessible(page)
  await press('Resume queue mail')
  await page.getByRole('button', { name: 'Pause queue mail' }).waitFor()
  expect(await app.limits.paused()).toEqual([])
  await page.getByRole('link', { name: 'mail', exact: true }).click()
  await heading('mail')
  await press(/^Details of the message/)
  await page.getByRole('region', { name: 'Arguments' }).getByText('<i>x</i>').waitFor()
  await expectAccessible(page)
  await press('Purge…')
  await page.getByRole('dialog').getByRole('textbox').fill('mail')
  await inDialog('Purge 1 message')
  await page.getByText('No message waits here now.').waitFor()
})

test('workers: one is opened, takes from another queue, and is quiet', async () => {
  await go('#/workers', 'Workers')
  await page.getByRole('row').nth(1).getByText('0 / 4').waitFor()
  await expectAccessible(page)
  await page.getByRole('link', { name: NAME }).click()
  await heading(NAME)
  await page.getByRole('form', { name: 'Add consumer', exact: true }).getByLabel('Queue').fill('more')
  await press('Add consumer')
  await page.getByRole('button', { name: 'Cancel consumer of more' }).waitFor()
  expect(worker.queues).toContain('more')
  await press('Quiet')
  await page.getByRole('button', { name: 'Resume', exact: true }).waitFor()
  expect(worker.health).toMatchObject({ ready: false, reason: 'it takes no more tasks' })
  await expectAccessible(page)
  await press('Resume')
  await page.getByRole('button', { name: 'Quiet', exact: true }).waitFor()
})

test('schedules: one is created, run, and stands in the calendar', async () => {
  await go('#/schedules', 'Schedules')
  await press('New schedule')
  await heading('New schedule')
  const fill = (label: string, text: string): Promise<void> => page.getByLabel(label, { exact: true }).fill(text)
  await fill('Name', 'nightly a/b')
  await fill('Expression', '30 3 * * *')
  await fill('Task', 'math.add')
  await fill('Arguments', '[2, 3]')
  await page
    .locator('.next')
    .getByRole('cell', { name: /03:30:00$/ })
    .nth(9)
    .waitFor()
  await expectAccessible(page)
  await press('Add the schedule')
  await heading('nightly a/b')
  await press('Run now')
  await page.getByRole('link', { name: 'its job' }).waitFor()
  const { lastId = '' } = await scene.app.schedules.get('nightly a/b')
  expect(await client().job(lastId).result()).toBe(5)
  await go('#/schedules?view=calendar', 'Schedules')
  await page
    .getByRole('button', { name: /: 1 run$/ })
    .first()
    .waitFor()
  await expectAccessible(page)
})

test('dead letters: one is opened, and sent again', async () => {
  isMended = false
  await scene.app.send('report', ['<i>ann</i>'])
  await until('it to die', async () => (await deadIn(scene.app)) === 1)
  await go('#/dead', 'Dead letters')
  await page.getByRole('cell', { name: 'Reject: no report of <i>ann</i>' }).waitFor()
  await expectAccessible(page)
  await page.locator('table.dead').getByRole('link', { name: 'report' }).click()
  await page.getByRole('region', { name: 'Arguments', exact: true }).getByText('"<i>ann</i>"').waitFor()
  await expectAccessible(page)
  isMended = true
  await press('Redrive')
  await page.waitForURL(/#\/jobs\//)
  expect(await scene.app.result(idInUrl()).get()).toBe('<i>ann</i>')
  expect(await deadIn(scene.app)).toBe(0)
})

test('a call: the form says what is wrong, and the task runs', async () => {
  await go('#/call/math.add', 'math.add')
  const field = (name: string) => page.getByRole('textbox', { name: new RegExp(`^${name}( |$)`) })
  await field('x').fill('2')
  await field('y').fill('forty')
  await press('Call')
  await page.getByRole('alert').getByText('y: Expected a number, got "forty"').waitFor()
  await field('y').fill('40')
  expect(await page.getByRole('region', { name: 'Command' }).textContent()).toContain("--json '[2,40]'")
  await press('Call')
  await page.getByRole('region', { name: 'Result', exact: true }).getByText('42', { exact: true }).waitFor()
  await expectAccessible(page)
})

test('health: what was found, examined again, and the audit log', async () => {
  await go('#/health', 'Health')
  await page.getByText('Nothing is wrong, as far as the checks see').waitFor()
  await page.getByRole('row', { name: new RegExp(`^${NAME} celeriac .* right$`) }).waitFor()
  expect((await fetch(`${scene.server.url}/v1/queues/mail/pause`, { method: 'POST' })).status).toBe(204)
  await press('Examine again')
  await page.getByRole('region', { name: 'What is wrong' }).getByText('queue mail is paused').waitFor()
  await page
    .getByRole('row', { name: /queue\.pause queue mail 204/ })
    .first()
    .waitFor()
  await expectAccessible(page)
})

test('in the dark, on a small screen, nothing is wider than it', async () => {
  await page.emulateMedia({ colorScheme: 'dark' })
  await page.setViewportSize({ width: 360, height: 640 })
  const { jobs } = await client().recorded.jobs({ task: 'mail.send' })
  for (const [hash, title] of [
    ['#/', 'Overview'],
    ['#/jobs', 'Jobs'],
    [`#/jobs/${jobs[0]?.id}`, 'mail.send'],
    ['#/queues/celery', 'celery'],
    [`#/workers/${NAME}`, NAME],
    ['#/schedules', 'Schedules'],
    ['#/call/math.add', 'math.add'],
  ] as const) {
    await go(hash, title)
    await expectNoOverflow(page)
  }
  await expectAccessible(page)
})

test('a page asks for the token that the API wants, and says what its role is', async () => {
  const token = 'a-token-of-sixteen-or-more'
  await using closed = await startDashboard({
    http: { authorize: bearer({ [token]: { id: 'ops', scopes: ['viewer'] } }) },
  })
  const page = await browser().newPage()
  await page.goto(closed.url)
  await page.getByLabel('Token').fill('wrong')
  await page.getByRole('button', { name: 'Log in' }).click()
  await page.getByRole('alert').getByText('refuses').waitFor()
  await page.getByLabel('Token').fill(token)
  await page.keyboard.press('Enter')
  await page.getByText('ops · viewer').waitFor()
  await page.getByRole('button', { name: 'Log out' }).click()
  await page.getByLabel('Token').waitFor()
  await page.close()
})
