import type { Page } from 'playwright-core'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { bearer } from '../../src/http/access/auth.ts'
import { Worker } from '../../src/worker/worker.ts'
import { PIXEL } from '../http/scene.ts'
import { defineTasks } from './form/tasks.ts'
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
beforeAll(async () => {
  scene = await startDashboard({ define: defineTasks, http: { fleet: { open: true, anyTask: true } } })
  worker = new Worker(scene.app, { concurrency: 4 })
  await worker.start()
})
afterAll(async () => {
  await worker.stop()
  await scene[Symbol.asyncDispose]()
})

const press = (page: Page, name: string): Promise<void> => page.getByRole('button', { name, exact: true }).click()
const field = (page: Page, name: string) => page.getByRole('textbox', { name: new RegExp(`^${name}( |$)`) })
const command = async (page: Page): Promise<string> =>
  (await page.getByRole('region', { name: 'Command' }).textContent()) ?? ''
const result = (page: Page) => page.getByRole('region', { name: 'Result', exact: true })

/** A page of one task, whose faults are looked at when the test is over. */
async function open(task: string, options: Parameters<typeof openPage>[3] = {}): Promise<Page> {
  const { page, watch } = await openPage(browser(), scene, `#/call/${encodeURIComponent(task)}`, options)
  onTestFinished(async () => {
    expect(watch).toEqual({ strays: [], faults: [] })
    await page.close()
  })
  await page.getByRole('button', { name: 'Call', exact: true }).waitFor()
  return page
}

test('a task is found, filled in by keys, called, and called again', async () => {
  const { page, watch } = await openPage(browser(), scene, '#/call', { width: 360 })
  await page.getByRole('link', { name: 'math.add' }).waitFor()
  await expectAccessible(page)
  await expectNoOverflow(page)
  await page.keyboard.press('/')
  await page.keyboard.type('CREATE')
  expect(await page.locator('main tbody').getByRole('link').allTextContents()).toEqual(['orders.create'])
  await page.getByRole('searchbox').fill('nothing <b>')
  await page.getByText('No task fits').waitFor()
  await page.getByRole('searchbox').fill('math')
  await page.getByRole('searchbox').blur()
  await page.keyboard.press('j')
  await page.keyboard.press('Enter')
  await field(page, 'x').fill('2')
  await page.keyboard.press('Tab')
  await page.keyboard.type('forty')
  await page.keyboard.press('Control+Enter')
  await page.getByRole('alert').getByText('y: Expected a number, got "forty"').waitFor()
  expect(await page.locator(':focus').getAttribute('id')).toBe(await field(page, 'y').getAttribute('id'))
  await field(page, 'y').fill('40')
  await page.getByRole('alert').waitFor({ state: 'detached' })
  expect(await command(page)).toContain("--json '[2,40]'")
  await page.keyboard.press('Control+Enter')
  await result(page).getByText('42', { exact: true }).waitFor()
  await field(page, 'y').fill('41')
  await press(page, 'Call')
  await page.getByRole('article').nth(1).waitFor()
  const link = page.getByRole('article').last().getByRole('link')
  expect(await link.getAttribute('href')).toMatch(/^#\/jobs\/[\w-]{36}$/)
  await expectAccessible(page)
  await expectNoOverflow(page)
  expect(watch).toEqual({ strays: [], faults: [] })
  await page.close()
})

test('an order with parts of every kind; as JSON and back without loss', async () => {
  const page = await open('orders.create', { dark: true })
  await press(page, 'Call')
  await page.getByText('values do not fit').waitFor()
  expect(await field(page, 'customer').getAttribute('aria-invalid')).toBe('true')
  expect(await page.locator(':focus').getAttribute('id')).toBe(await field(page, 'customer').getAttribute('id'))
  await expectAccessible(page)
  await press(page, 'Use the example')
  for (const name of ['address', 'tags', 'labels']) await press(page, `Set ${name}`)
  await field(page, 'street').fill('it\'s "here"')
  await field(page, 'city').fill('Graz')
  for (const tag of ['first', 'second']) {
    await press(page, 'Add an item tags')
    await page.keyboard.type(tag)
  }
  await press(page, 'Move up item 2')
  expect(await page.locator(':focus').textContent()).toBe('Move up item 1')
  await press(page, 'Remove item 2')
  await press(page, 'Add a member labels')
  await page.keyboard.type('__proto__')
  await page.keyboard.press('Tab')
  await page.keyboard.type('1.5')
  await page.getByRole('combobox', { name: 'gift' }).selectOption('false')
  await page.getByRole('checkbox', { name: 'null in place of note' }).uncheck()
  await field(page, 'note').fill('two\nlines')
  await press(page, 'Now')
  await page.getByText(/^In .*: \d+ \w+ 2\d\d\d/).waitFor()
  const variant = page.getByRole('combobox', { name: 'Variant of payment' })
  await variant.selectOption('kind: "invoice"')
  await field(page, 'days').fill('14')
  await variant.selectOption('kind: "card"')
  expect(await field(page, 'number').inputValue()).toBe('4111')
  await variant.selectOption('kind: "invoice"')
  expect(await field(page, 'days').inputValue()).toBe('14')

  await press(page, 'Edit as JSON')
  const area = page.getByLabel('Input as JSON')
  const text = await area.inputValue()
  expect(JSON.parse(text)).toMatchObject({
    address: { street: 'it\'s "here"', city: 'Graz' },
    tags: ['second'],
    gift: false,
    note: 'two\nlines',
    payment: { kind: 'invoice', days: 14 },
  })
  expect(text).toContain('"__proto__": 1.5')
  await press(page, 'Edit as form')
  await press(page, 'Edit as JSON')
  expect(await area.inputValue()).toBe(text)
  await area.fill(text.replace('"quantity": 3', '"quantity": "three", "unknown": [1]'))
  await press(page, 'Edit as form')
  await page.getByText('This value does not fit the schema').waitFor()
  await field(page, 'quantity').fill('4')
  await press(page, 'Edit as JSON')
  expect(JSON.parse(await area.inputValue())).toMatchObject({ quantity: 4, unknown: [1] })
  await area.fill(text)
  await press(page, 'Call')
  await page.getByRole('alert').getByText('the key __proto__ is not accepted').waitFor()
  await area.fill(text.replace('__proto__', 'weight'))
  await press(page, 'Call')
  await result(page).getByText('"two\\nlines"').waitFor()
  await expectAccessible(page)
})

test('what the server refuses is at its field; a failure is text; options go with the call', async () => {
  const page = await open('orders.check')
  await field(page, 'code').fill('wrong')
  await press(page, 'Call')
  await page.getByRole('alert').getByText('code: is not the right one').waitFor()
  expect(await field(page, 'code').getAttribute('aria-invalid')).toBe('true')
  await field(page, 'code').fill('right')
  expect(await field(page, 'code').getAttribute('aria-invalid')).toBeNull()
  await page.getByText('Options').click()
  await page.getByLabel('Tags').fill('one, two')
  await page.getByLabel('Priority').fill('999')
  await press(page, 'Call')
  await page.getByText('Expected a whole number from 0 to 255').waitFor()
  await page.getByLabel('Priority').fill('7')
  await page.getByLabel('Idempotency key').fill('once')
  expect(await command(page)).toContain('tag=one&tag=two&priority=7')
  await press(page, 'TypeScript')
  await page.getByText(/client\.callAny\('orders\.check', \{ kwargs: \{ code: 'right' \} \}, \{ tags:/).waitFor()
  await press(page, 'Python')
  await page.getByText('app.send_task("orders.check", kwargs={"code": "right"}, priority=7)').waitFor()
  await press(page, 'Call')
  await result(page).getByText('"right"').waitFor()
  await press(page, 'Call')
  await page.getByRole('article').nth(1).waitFor()
  const { jobs } = (await (await fetch(`${scene.server.url}/v1/jobs?tag=two`)).json()) as { jobs: unknown[] }
  expect(jobs).toHaveLength(1)

  await page.goto(`${scene.url}#/call/mail.fail`)
  await field(page, 'to').fill('<i>ann</i>')
  await press(page, 'Call')
  expect(await page.locator('.notice').textContent()).toBe('RangeError: no mailbox <b><i>ann</i></b>')
  await page.goto(`${scene.url}#/call/files.size`)
  await page.getByLabel('File').setInputFiles({ name: 'a b.png', mimeType: 'image/png', buffer: PIXEL })
  expect(await command(page)).toContain("--data-binary '@a b.png'")
  await press(page, 'Call')
  await result(page).getByText(String(PIXEL.length), { exact: true }).waitFor()
})

test('a task without a schema, and one with a hostile name, are called by their arguments', async () => {
  const page = await open('tasks.<b>other</b>\u202e', { width: 360, dark: true })
  expect(await page.getByRole('heading', { level: 1 }).textContent()).toBe('Call tasks.<b>other</b>\\u202e')
  await field(page, 'args').fill('{"x": 1}')
  await field(page, 'kwargs').fill('{"y": [true, null]}')
  await press(page, 'Call')
  await page.getByRole('alert').getByText('args: Expected array').waitFor()
  await field(page, 'args').fill('[1]')
  await page.getByText('Options').click()
  await page.getByLabel('Queue').fill('elsewhere')
  await press(page, 'Python')
  await page.getByText('args=[1], kwargs={"y": [True, None]}, queue="elsewhere")').waitFor()
  await expectAccessible(page)
  await expectNoOverflow(page)
  await press(page, 'Call')
  await page.getByRole('status').getByText('PENDING').waitFor()
  const { messages } = (await (await fetch(`${scene.server.url}/v1/queues/elsewhere/messages`)).json()) as {
    messages: unknown[]
  }
  expect(messages).toHaveLength(1)
  await press(page, 'Cancel')
  await page.getByRole('status').getByText('REVOKED').waitFor()
})

test('a viewer sees why it may not; what does not load says so', async () => {
  const authorize = bearer({ 'token-of-vera-1234': { id: 'vera', scopes: ['viewer'] } })
  const own = await startDashboard({ define: defineTasks, http: { authorize } })
  const { page } = await openPage(browser(), own, '#/call/math.add')
  await page.getByLabel('Token').fill('token-of-vera-1234')
  await press(page, 'Log in')
  const run = page.getByRole('button', { name: 'Call', exact: true })
  expect(await run.getAttribute('title')).toBe('This needs the role operator')
  expect(await command(page)).toContain('-H "authorization: Bearer $TOKEN"')
  await page.route('**/openapi.json', (route) => route.abort())
  await page.goto(`${own.url}#/call`)
  await page.getByRole('alert').waitFor()
  await page.unroute('**/openapi.json')
  await press(page, 'Try again')
  await page.getByRole('link', { name: 'math.add' }).waitFor()
  await page.goto(`${own.url}#/call/nowhere`)
  await page.getByText('This task is not exposed').waitFor()
  await page.close()
  await own[Symbol.asyncDispose]()
})
