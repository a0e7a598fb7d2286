import type { Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { bearer } from '../../src/http/access/auth.ts'
import type { Celeriac } from '../../src/index.ts'
import { Reject } from '../../src/std/errors.ts'
import { Worker } from '../../src/worker/worker.ts'
import { deadIn } from '../deadLetters.ts'
import { eventually } from '../wait.ts'
import {
  type DashboardScene,
  expectAccessible,
  expectNoOverflow,
  openPage,
  startDashboard,
  useBrowser,
} from './scene.ts'

/** Everything is open to identities: an API without them shows letters of exposed tasks alone. */
const TOKENS = {
  'a-token-of-an-admin': { id: 'root', scopes: ['admin'] },
  'a-token-of-a-viewer': { id: 'vic', scopes: ['viewer'] },
}
const HOSTILE = '<img src=x onerror=alert(1)>\u202e\u0000'
const browser = useBrowser()
let scene: DashboardScene
let worker: Worker
let isBroken = true
beforeAll(async () => {
  scene = await startDashboard({ define, http: { authorize: bearer(TOKENS) } })
  worker = new Worker(scene.app, { hostname: 'celeriac@one', logger: false })
  await worker.start()
})
afterAll(async () => {
  await worker.stop()
  await scene[Symbol.asyncDispose]()
})

function define(app: Celeriac): void {
  app.task({
    name: 'mail.send',
    input: z.object({ to: z.email(), copies: z.number().int().positive().default(1) }),
    run: ({ to }) => {
      if (isBroken || to.startsWith('bounce')) throw new Reject(`no address ${to}`)
      return to
    },
  })
  app.task('report', (text: string) => {
    throw new Reject(text)
  })
}

async function dies(name: string, inputs: readonly object[]): Promise<void> {
  const before = await deadIn(scene.app)
  for (const input of inputs) await scene.app.send(name, input as never, { owner: 'ann', tags: ['spring'] })
  await eventually(
    () => deadIn(scene.app),
    (count) => count === before + inputs.length,
  )
}

async function open(path: string, token = 'a-token-of-an-admin', options = {}): ReturnType<typeof openPage> {
  const opened = await openPage(browser(), scene, path, options)
  await opened.page.getByLabel('Token').fill(token)
  await opened.page.keyboard.press('Enter')
  await opened.page.getByLabel('Token').waitFor({ state: 'hidden' })
  return opened
}

const rows = (page: Page) => page.locator('table.dead tbody tr')

test('letters are filtered by the URL, sent again with a rate and progress, and dropped', async () => {
  const addresses = ['a', 'b', 'c', 'bounce'].map((name) => ({ to: `${name}@example.com` }))
  await dies('mail.send', addresses)
  await dies('report', [[HOSTILE]])
  const { page, watch } = await open('#/dead')
  await rows(page).nth(4).waitFor()
  expect(await rows(page).first().getByRole('cell').nth(2).textContent()).toBe(
    'Reject: <img src=x onerror=alert(1)>\\u202e\\u0000',
  )
  await expectAccessible(page)

  await page.keyboard.press('/')
  await page.keyboard.type('bounce spring')
  await page.keyboard.press('Enter')
  await rows(page).nth(1).waitFor({ state: 'hidden' })
  expect(page.url()).toMatch(/\?q=bounce\+spring$/)
  await page.getByRole('button', { name: 'Clear' }).click()
  await page.getByLabel('Reason').selectOption('lost')
  await page.getByText('No dead letter fits').waitFor()
  await page.goto(
    `${scene.url}#/dead?task=mail.send&queue=celery&owner=ann&tag=spring&error=no+address&since=2026-01-01`,
  )
  await rows(page).nth(3).waitFor()
  expect(await rows(page).count()).toBe(4)

  isBroken = false
  await page.getByRole('button', { name: 'Redrive these…' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel(/^No faster than/).fill('fast')
  await dialog.getByText('Expected a number per second').waitFor()
  await dialog.getByLabel(/^No faster than/).fill('20/s')
  await dialog.getByRole('button', { name: 'Redrive 4 messages' }).click()
  await dialog.getByText('Done. 4 messages of 4 are sent again.').waitFor()
  await dialog.getByRole('button', { name: 'Close', exact: true }).last().click()
  // That of the address which bounces dies again.
  await page.getByRole('cell', { name: 'Reject: no address bounce@example.com' }).waitFor()
  await eventually(
    () => deadIn(scene.app),
    (count) => count === 2,
  )
  await rows(page).nth(1).waitFor({ state: 'hidden' })
  await rows(page).getByRole('cell', { name: '2', exact: true }).waitFor()

  await page.goto(`${scene.url}#/dead?task=report`)
  await page.getByRole('button', { name: 'Drop these…' }).click()
  await page
    .getByRole('dialog')
    .getByText(/1 dead letter/)
    .first()
    .waitFor()
  await page.getByRole('dialog').getByRole('textbox').fill('drop')
  await page.keyboard.press('Enter')
  await page.getByText('No dead letter fits').waitFor()
  expect(await deadIn(scene.app)).toBe(1)
  expect(watch).toEqual({ strays: [], faults: [] })
  await page.close()
})

test('one letter: its deaths, an input that is no JSON, one that does not fit, one that is sent', async () => {
  const { page, watch } = await open('#/dead')
  await rows(page).first().waitFor()
  await page.keyboard.press('j')
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { level: 1, name: 'mail.send' }).waitFor()
  await page.getByRole('heading', { name: 'Died 2 times' }).waitFor()
  await page.getByRole('region', { name: 'Keyword arguments' }).getByText('"bounce@example.com"').waitFor()
  await page.getByRole('button', { name: 'Edit input…' }).click()
  const field = page.getByRole('textbox', { name: 'Input' })
  await field.fill('{"to": "fine@example.com",\n "copies" 2}')
  await page.getByText('Line 2, column 11: expected a colon, got 2}').waitFor()
  const save = page.getByRole('button', { name: 'Save and redrive' })
  expect(await save.getAttribute('aria-disabled')).toBe('true')
  await field.fill('{"to": "fine@example.com", "copies": 0}')
  await save.click()
  await page.getByText(/^copies: /).waitFor()
  await expectAccessible(page)
  await field.fill('{"to": "fine@example.com", "copies": 2}')
  await page.getByRole('button', { name: 'Format' }).click()
  expect(await field.inputValue()).toBe('{\n  "to": "fine@example.com",\n  "copies": 2\n}')
  await page.getByRole('button', { name: 'Save', exact: true }).click()
  await page.getByRole('region', { name: 'Keyword arguments' }).getByText('"fine@example.com"').waitFor()
  await page.getByRole('button', { name: 'Redrive', exact: true }).click()
  await page.waitForURL(/#\/jobs\//)
  const id = page.url().split('/').at(-1) ?? ''
  expect(await scene.app.result(id).get()).toBe('fine@example.com')
  expect(await deadIn(scene.app)).toBe(0)
  expect(watch).toEqual({ strays: [], faults: [] })
  await page.close()
})

test('in the dark, on a small screen; a viewer sees why buttons do nothing', async () => {
  isBroken = true
  await dies('mail.send', [{ to: 'last@example.com' }])
  const small = { width: 360, height: 640, dark: true }
  const { page } = await open('#/dead?task=mail.send', 'a-token-of-a-viewer', small)
  await rows(page).first().waitFor()
  await expectAccessible(page)
  await expectNoOverflow(page)
  const redrive = page.getByRole('button', { name: 'Redrive these…' })
  expect(await redrive.getAttribute('title')).toBe('This needs the role operator')
  await page.getByRole('link', { name: 'mail.send' }).click()
  const drop = page.getByRole('button', { name: 'Drop…' })
  await drop.waitFor()
  expect(await drop.getAttribute('title')).toBe('This needs the role admin')
  expect(await page.getByRole('button', { name: 'Edit input…' }).getAttribute('title')).toBe(
    'This needs the role admin',
  )
  await expectAccessible(page)
  await expectNoOverflow(page)
  await page.goto(`${scene.url}#/dead/none`)
  await page.getByRole('alert').getByText('no dead letter has the id "none"').waitFor()
  await page.close()
})

test('an admin drops one; then there is none, and the page says what it is for', async () => {
  const { page } = await open('#/dead')
  await rows(page).first().getByRole('link').click()
  await page.getByRole('button', { name: 'Drop…' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Drop it' }).click()
  await page.getByText('A message is here when a worker has given it up').waitFor()
  expect(await deadIn(scene.app)).toBe(0)
  await page.close()
})
