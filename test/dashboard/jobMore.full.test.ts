import { afterAll, beforeAll, expect, test } from 'vitest'
import { bearer } from '../../src/http/access/auth.ts'
import { until } from '../app/lab.ts'
import { type JobScene, section, startJobScene } from './jobScene.ts'
import { openPage, useBrowser } from './scene.ts'

const browser = useBrowser()
let jobs: JobScene
beforeAll(async () => {
  jobs = await startJobScene()
})
afterAll(() => jobs[Symbol.asyncDispose]())

const NOTHING = { strays: [], faults: [] }
const open = (id: string, options = {}) => openPage(browser(), jobs.scene, `#/jobs/${encodeURIComponent(id)}`, options)
const stateOf = async (id: string): Promise<string> => (await jobs.client().job(id).info()).state

test('a job that waits: why, changes of it, and its end; then it is forgotten', async () => {
  const client = jobs.client()
  const { id } = await jobs.scene.app.send('order.charge', { card: 'x', sum: 1 } as never, { countdown: '1h' } as never)
  const { page, watch } = await open(id)
  await section(page, 'Why it does not run').getByRole('button', { name: 'Examine' }).click()
  await section(page, 'Why it does not run').getByRole('listitem').first().waitFor()
  await page.keyboard.press('m')
  const dialog = page.getByRole('dialog', { name: 'Change this job' })
  await dialog.getByLabel('New input, as JSON').fill('{"card": 1}')
  await dialog.getByRole('button', { name: 'Change', exact: true }).click()
  await dialog.getByText(/card: .*expected string/).waitFor()
  await dialog.getByLabel('New input, as JSON').fill('{"card": "y", "sum": 99}')
  await dialog.getByRole('button', { name: 'Change', exact: true }).click()
  await dialog.waitFor({ state: 'detached' })
  await page.keyboard.press('m')
  await dialog.getByRole('button', { name: 'Run it now' }).click()
  await page.getByRole('heading', { level: 1 }).getByText('SUCCESS').waitFor()
  await section(page, 'Result').getByText('99').waitFor()
  expect(await client.job(id).result()).toBe(99)
  await page.keyboard.press('Shift+F')
  await page.getByRole('dialog', { name: 'Forget this job?' }).getByRole('button', { name: 'Forget 1 job' }).click()
  await page.getByRole('heading', { level: 1, name: 'Jobs' }).waitFor()
  await expect(client.job(id).info()).rejects.toMatchObject({ status: 404 })
  expect(watch).toEqual(NOTHING)
  await page.close()
})

test('an unknown id, and a request that fails, say so where the user looks', async () => {
  const { page, watch } = await open('none-has-this-id')
  await page.getByText('No job is known by this id').waitFor()
  const id = await jobs.submit('report.render', ['a', {}])
  const problem = {
    type: 'urn:celeriac:problem:unavailable',
    title: 'Unavailable',
    status: 500,
    detail: 'the store is down',
  }
  await page.route(`**/v1/jobs/${id}`, (route) =>
    route.fulfill({ status: 500, contentType: 'application/problem+json', body: JSON.stringify(problem) }),
  )
  await page.route(`**/v1/jobs/${id}/history`, (route) => route.abort())
  await page.goto(`${jobs.scene.url}#/jobs/${id}`)
  await page.getByRole('alert').getByText('the store is down').waitFor()
  await page.unrouteAll()
  await page.getByRole('button', { name: 'Try again' }).click()
  await page.getByRole('heading', { level: 1, name: 'report.render' }).waitFor()
  expect(watch.faults).toEqual([])
  await page.close()
})

test('a trace is linked where the user has said where traces are; copies are copied', async () => {
  const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
  const { id } = await jobs.scene.app.send('report.render', ['a', {}], { headers: { traceparent } })
  await until(async () => (await stateOf(id)) === 'SUCCESS')
  const { page, watch } = await open(id)
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
  const trace = section(page, 'Trace')
  await trace.getByRole('button', { name: 'Set where traces are' }).click()
  await trace.getByLabel('URL of a trace').fill('javascript:{traceId}')
  await trace.getByText('Expected a URL that begins with https://').waitFor()
  await trace.getByLabel('URL of a trace').fill('https://jaeger.example.com/trace/{traceId}')
  await trace.getByRole('button', { name: 'Save' }).click()
  const link = trace.getByRole('link', { name: 'Open the trace' })
  expect(await link.getAttribute('href')).toBe('https://jaeger.example.com/trace/4bf92f3577b34da6a3ce929d0e0e4736')
  await page.reload()
  await link.waitFor()
  await page.keyboard.press('u')
  await page.getByText('Copied the line for curl').waitFor()
  expect(await page.evaluate('navigator.clipboard.readText()')).toBe(`curl '${jobs.scene.server.url}/v1/jobs/${id}'`)
  await page.keyboard.press('y')
  await page.getByText('Copied the id').waitFor()
  expect(await page.evaluate('navigator.clipboard.readText()')).toBe(id)
  expect(watch).toEqual(NOTHING)
  await page.close()
})

test('a job whose input nothing has: Retry says why, and another input begins with what its events say', async () => {
  const { id } = await jobs.scene.app.send('order.charge', { card: 'x', sum: -1 } as never)
  await until(async () => (await stateOf(id)) === 'FAILURE')
  const asked: string[] = []
  const { page, watch } = await open(id)
  page.on('request', (request) => asked.push(request.url()))
  await page.reload()
  const retry = page.getByRole('button', { name: 'Retry', exact: true })
  await expect
    .poll(() => retry.getAttribute('title'), { timeout: 10_000 })
    .toMatch(/keepInput keeps it.*result_extended/)
  expect(await page.getByRole('alert').count()).toBe(0)
  await section(page, 'Input').getByText("'card': 'x'").waitFor()
  await section(page, 'Input').getByText('in Python’s notation').waitFor()
  const legend = section(page, '2 attempts').locator('.job-legend')
  expect(await legend.textContent()).toMatch(/^ Wait Run that failed\d/)
  await page.keyboard.press('r')
  await page.getByRole('status').getByText('keepInput keeps it').waitFor()
  await page.keyboard.press('i')
  const dialog = page.getByRole('dialog', { name: 'Retry with another input' })
  await dialog.getByText("'card': 'x'").waitFor()
  expect(asked.filter((url) => url.endsWith(`${id}/input`))).toHaveLength(1)
  await dialog.getByRole('textbox').fill('{ "card": "x", "sum": 7 }')
  await dialog.getByRole('button', { name: 'Submit a new job' }).click()
  await section(page, 'Result').getByText('7').waitFor()
  expect(watch).toEqual(NOTHING)
  await page.close()
})

test('a viewer sees it all, and each button says why it cannot be pressed', async () => {
  const token = 'a-token-of-sixteen-or-more'
  const closed = await startJobScene({ authorize: bearer({ [token]: { id: 'vic', scopes: ['viewer'] } }) })
  const { id } = await closed.scene.app.send('report.render', ['a', {}])
  const page = await browser().newPage()
  await page.goto(`${closed.scene.url}#/jobs/${id}`)
  await page.getByLabel('Token').fill(token)
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { level: 1, name: 'report.render' }).getByText('SUCCESS').waitFor()
  for (const [name, role] of [
    ['Retry', 'operator'],
    ['Retry with another input…', 'admin'],
    ['Revoke', 'operator'],
  ] as const)
    expect(await page.getByRole('button', { name, exact: true }).getAttribute('title')).toBe(
      `This needs the role ${role}`,
    )
  await page.keyboard.press('r')
  await page.getByRole('status').getByText('This needs the role operator').waitFor()
  await page.close()
  await closed[Symbol.asyncDispose]()
})

test('jobs that belong together lead to each other, and to their workflow', async () => {
  const parent = await jobs.submit('family.parent', ['a'])
  const child = (await jobs.client().job(parent).result()) as string
  await until(async () => (await jobs.client().recorded.jobs({ root: parent, state: 'SUCCESS' })).jobs.length === 2)
  const { page, watch } = await open(parent)
  const related = section(page, 'Related jobs')
  await related.getByText('1 child').waitFor()
  expect(await related.getByRole('link', { name: 'Workflow' }).getAttribute('href')).toBe(`#/workflows/${parent}`)
  await related.getByRole('link', { name: 'report.render' }).click()
  await page.getByText(child, { exact: true }).waitFor()
  expect(await related.getByRole('link', { name: 'family.parent' }).getAttribute('href')).toBe(`#/jobs/${parent}`)
  expect(watch).toEqual(NOTHING)
  await page.close()
})
