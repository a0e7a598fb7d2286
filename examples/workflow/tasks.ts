import { setTimeout as sleep } from 'node:timers/promises'
import { type AsyncResult, Celeriac, type Chord, chord } from 'celeriac'

/*
 * The tasks and the workflow of them: the service sends it, each thread of the worker loads this module and runs them.
 */

/** BROKER_URL and RESULT_BACKEND say where tasks wait and results are kept; REPORT_LEASE how long a silent worker keeps its tasks. */
export const app = new Celeriac({
  name: 'workflow',
  broker: process.env.BROKER_URL || 'sqlite:.celeriac/workflow.db',
  backend: process.env.RESULT_BACKEND || undefined,
  lease: process.env.REPORT_LEASE || '30s',
})

/** Pages of a report. */
export const PAGES = 200
/** The page that cannot be rendered. */
export const BROKEN_PAGE = 113
/** Time that one page takes, ms; REPORT_SECONDS sets it in seconds. */
const RENDER_TIME = Number(process.env.REPORT_SECONDS || '0.2') * 1000

/** A page, or the reason why there is none. */
export type Page = { readonly page: number; readonly text: string } | { readonly page: number; readonly error: string }

/** What becomes of the pages. */
export interface Report {
  readonly pages: number
  readonly failed: readonly { readonly page: number; readonly error: string }[]
  readonly text: string
}

/** One page. An error is its result: a task that fails would end the chord with a ChordError, without a report. */
export const renderPage = app.task('reports.render_page', async (page: number): Promise<Page> => {
  try {
    return { page, text: await render(page) }
  } catch (error) {
    return { page, error: (error as Error).message }
  }
})

/** All pages, in their order, as one text; and which of them are missing. */
export const assemble = app.task('reports.assemble', (all: readonly Page[]): Report => {
  const pages = all.filter((one) => 'text' in one)
  const failed = all.filter((one) => 'error' in one)
  return { pages: pages.length, failed, text: pages.map(({ text }) => text).join('\n') }
})

/** Render all pages at once, then assemble the report, once. */
export function reportOf(count: number): Chord<Report, never, true, AsyncResult<Report>> {
  const pages = Array.from({ length: count }, (_, at) => renderPage.s(at + 1))
  return chord(pages, assemble.s())
}

async function render(page: number): Promise<string> {
  await sleep(RENDER_TIME)
  if (page === BROKEN_PAGE) throw new Error(`the data of page ${page} is damaged`)
  return `Page ${page}: ${page * page} items`
}
