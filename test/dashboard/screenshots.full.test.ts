import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Demo, startDemo } from './demo.ts'
import { openPage, useBrowser } from './scene.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const docs = join(root, 'docs')
const kept = join(docs, 'images/dashboard')
/** The pictures differ from run to run, so those of the docs are written where `UPDATE_SCREENSHOTS=1` asks for it. */
const isUpdate = process.env.UPDATE_SCREENSHOTS === '1'
const SIZE = { width: 1280, height: 800 }
const browser = useBrowser()
let demo: Demo
let folder = kept

beforeAll(async () => {
  if (!isUpdate) folder = await mkdtemp(join(tmpdir(), 'celeriac-screenshots-'))
  mkdirSync(folder, { recursive: true })
  demo = await startDemo()
})
afterAll(async () => {
  await demo[Symbol.asyncDispose]()
  if (!isUpdate) await rm(folder, { recursive: true, force: true })
})

/** In tracebacks, the folder of this machine is that of an example. */
const HIDE_ROOT = `{
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  while (texts.nextNode())
    texts.currentNode.data = texts.currentNode.data.replaceAll(${JSON.stringify(root)}, '/srv/shop/')
}`

/** A picture: where it is taken, and what is there before. */
interface Picture {
  readonly name: string
  readonly path: () => string | Promise<string>
  readonly ready: (page: Page) => Promise<unknown>
  readonly dark?: boolean
}

const PICTURES: readonly Picture[] = [
  {
    name: 'overview',
    path: () => '',
    ready: (page) => page.getByRole('row', { name: /mail.send/ }).waitFor(),
  },
  {
    name: 'jobs',
    path: () => '#/jobs',
    ready: (page) =>
      page
        .getByRole('row', { name: /FAILURE/ })
        .first()
        .waitFor(),
  },
  {
    name: 'job',
    path: async () => `#/jobs/${await demo.failed()}`,
    ready: (page) =>
      page
        .getByText(/is full/)
        .first()
        .waitFor(),
  },
  {
    name: 'workflow',
    path: async () => `#/workflows/${await demo.workflow()}`,
    ready: (page) =>
      page
        .getByText(/Critical path/)
        .first()
        .waitFor(),
  },
  {
    name: 'workers',
    path: () => '#/workers',
    ready: (page) => page.getByRole('row', { name: /celeriac@batch-1/ }).waitFor(),
  },
  {
    name: 'call',
    path: () => '#/call/mail.send',
    ready: async (page) => {
      await page.getByLabel('to').fill('ann@example.com')
      await page.getByLabel('subject').fill('Your order')
    },
    dark: true,
  },
]

test('the pictures of the docs', async () => {
  for (let second = 0; second < 8; second++) {
    await demo.submit(60)
    await new Promise((resolve) => setTimeout(resolve, 1000))
  }
  for (const { name, path, ready, dark = false } of PICTURES) {
    const { page, watch } = await openPage(browser(), demo.scene, await path(), { ...SIZE, dark })
    await ready(page)
    await page.evaluate(HIDE_ROOT)
    await page.screenshot({ path: join(folder, `${name}.png`), animations: 'disabled' })
    expect(watch).toEqual({ strays: [], faults: [] })
    await page.close()
  }
  const names = PICTURES.map(({ name }) => `${name}.png`).toSorted()
  expect(readdirSync(kept).toSorted(), 'pictures of docs/: UPDATE_SCREENSHOTS=1 makes them').toEqual(names)
  const text = readFileSync(join(docs, 'dashboard.md'), 'utf8')
  for (const name of names) expect(text).toContain(`(images/dashboard/${name})`)
})
