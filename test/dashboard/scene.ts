import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Locator, Page } from 'playwright-core'
import { expect } from 'vitest'
import { createHttp, type HttpOptions } from '../../src/http/api.ts'
import { type HttpServer, serve } from '../../src/http/server/serve.ts'
import { Celeriac, type CeleriacOptions } from '../../src/index.ts'
import { createLogger } from '../../src/std/log.ts'
import { useBrowser, type Watch, watchPage } from '../http/browser.ts'

export { useBrowser }

/** An app whose fleet is shown at `/dashboard`. */
export interface DashboardScene extends AsyncDisposable {
  readonly app: Celeriac
  readonly server: HttpServer
  /** Of the first page. */
  readonly url: string
}

export interface SceneOptions {
  /** Default: a SQLite file of its own. */
  readonly broker?: string
  /** Default: open to every client, all tasks exposed. */
  readonly http?: Partial<HttpOptions>
  /** Other options of the app. */
  readonly options?: CeleriacOptions
  /** Define tasks, before the API is made. */
  readonly define?: (app: Celeriac) => void
}

/** The app, its recorder and its server; a test adds workers. */
export async function startDashboard(given: SceneOptions = {}): Promise<DashboardScene> {
  const { broker, http = {}, define, options } = given
  const folder = await mkdtemp(join(tmpdir(), 'celeriac-dashboard-'))
  const app = new Celeriac({
    name: 'shop',
    broker: broker ?? `sqlite:${join(folder, 'shop.db')}`,
    recorder: { file: join(folder, 'recorder.db') },
    logger: createLogger('silent'),
    ...options,
  })
  define?.(app)
  const expose = [...app.tasks.values()].filter(({ name }) => !name.startsWith('celery.'))
  const api = createHttp(app, { expose, fleet: http.authorize ? true : { open: true }, dashboard: true, ...http })
  const server = await serve(api, { port: 0 })
  return {
    app,
    server,
    url: `${server.url}/dashboard`,
    [Symbol.asyncDispose]: async () => {
      await server.close()
      await app.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** The longest wait for what a page shows, ms. */
const SHOWN_MS = 15_000

/** A page of the dashboard that reaches this server alone; `watch` has what it should not have done. */
export async function openPage(
  browser: Awaited<ReturnType<ReturnType<typeof useBrowser>>>,
  { url, server }: DashboardScene,
  path = '',
  { width = 1280, height = 800, dark = false }: { width?: number; height?: number; dark?: boolean } = {},
): Promise<{ page: Page; watch: Watch }> {
  const page = await browser.newPage({ viewport: { width, height }, colorScheme: dark ? 'dark' : 'light' })
  page.setDefaultTimeout(SHOWN_MS)
  const watch = await watchPage(page, server.url)
  await page.goto(`${url}${path}`)
  await page.getByRole('heading', { level: 1 }).waitFor()
  return { page, watch }
}

const axe = readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** Asserts that axe-core finds nothing serious, nor worse, in what the page shows now. */
export async function expectAccessible(page: Page): Promise<void> {
  // By the protocol of the browser: the policy of the page allows no script of another place.
  if (!(await page.evaluate("'axe' in window"))) await page.evaluate(await axe)
  const found = (await page.evaluate(`axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) =>
    violations.filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .map(({ id, nodes }) => id + ': ' + nodes.map(({ target, failureSummary }) => target + ' ' + failureSummary).join('; ')))`)) as string[]
  expect(found).toEqual([])
}

/** Asserts that a part is whole on the screen, from its left to its right edge. */
export async function expectWhole(part: Locator): Promise<void> {
  await part.waitFor()
  const { x, width } = (await part.boundingBox()) ?? { x: -1, width: 0 }
  expect(x).toBeGreaterThanOrEqual(0)
  expect(x + width).toBeLessThanOrEqual(part.page().viewportSize()?.width ?? 0)
}

/** Asserts that nothing is wider than the page: no page scrolls sideways. */
export async function expectNoOverflow(page: Page): Promise<void> {
  const wide = await page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth')
  expect(wide).toBeLessThanOrEqual(0)
}
