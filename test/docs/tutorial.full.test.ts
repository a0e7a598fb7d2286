import type { Page } from 'playwright-core'
import { expect, it, onTestFinished } from 'vitest'
import { run, start } from '../cli/harness.ts'
import { startBrowser, watchPage } from '../http/browser.ts'
import { eventually } from '../wait.ts'
import { curl, Document } from './document.ts'
import { celeriac, folderWith, node, serve, typeErrors } from './reader.ts'

/** A page of Chromium's that may reach this address alone. */
async function browse(base: string): Promise<Page> {
  const browser = await startBrowser()
  const page = await browser.newPage()
  const watch = await watchPage(page, base)
  onTestFinished(() => expect(watch).toEqual({ strays: [], faults: [] }))
  return page
}

/** Step 4: the page that comes with every API. */
async function tryDocs(page: Page, base: string): Promise<void> {
  await page.goto(`${base}/docs`)
  await page.getByRole('navigation').getByRole('link', { name: 'report' }).click()
  await page.getByLabel('pages').fill('10')
  await page.getByRole('button', { name: 'Call', exact: true }).click()
  await page.getByText(/^page [1-9], pages 10$/).waitFor()
  await page.getByRole('status').getByText('SUCCESS').waitFor()
  expect(await page.getByRole('region', { name: 'Result', exact: true }).textContent()).toContain(
    'a report of 10 pages',
  )
}

/** Step 6: the reader's own page. */
async function tryPage(page: Page, base: string): Promise<void> {
  await page.goto(base)
  await page.getByRole('button', { name: 'Make a report' }).click()
  const bar = page.getByRole('progressbar')
  const value = (): Promise<number> => bar.evaluate((element) => (element as unknown as { value: number }).value)
  const between = await eventually(value, (page) => page > 0)
  expect(between).toBeLessThan(10)
  await page.getByText('a report of 10 pages').waitFor()
  expect(await value()).toBe(10)
}

it('tutorial: step by step', async () => {
  const tutorial = new Document('docs/tutorial.md')
  const [tasks = '', web = '', call = ''] = tutorial.code('ts')
  const [html = ''] = tutorial.code('html')
  const mistake = `import { report } from './tasks.ts'\n// @ts-expect-error\nreport.delay({ pages: '5' })\n`
  const files = { 'tasks.ts': tasks, 'web.ts': web, 'call.ts': call, 'mistake.ts': mistake, 'index.html': html }
  const folder = folderWith(files)
  const [tsconfig = ''] = tutorial.code('json')
  const types = typeErrors(folder, ['call.ts', 'mistake.ts', 'web.ts'], JSON.parse(tsconfig).compilerOptions)

  const { base, server } = await serve(folder, tutorial.take('npx celeriac dev'))
  const page = await browse(base)
  const trying = tryDocs(page, base)
  const posting = tutorial.take('curl -i')
  const response = await curl(posting, base)
  expect([response.status, response.headers.get('location')]).toEqual([202, expect.stringMatching(/^\/v1\/jobs\/./)])
  const id = { '<id>': response.headers.get('location')?.split('/').at(-1) ?? '' }
  const [asking, fetching] = [tutorial.take('curl'), tutorial.take('curl')]
  // biome-ignore lint/suspicious/noExplicitAny: JSON, which the test compares.
  const ask = async (): Promise<any> => (await curl(asking, base, id)).json()
  const calling = run(folder, celeriac(tutorial.take('npx celeriac call')))
  const printing = node(folder, tutorial.take('node').words[1] ?? '')
  const { progress } = await eventually(ask, (job) => job.progress != null)
  expect(progress).toEqual({ page: expect.any(Number), pages: 10 })
  const wrong = posting.words.map((word) => word.replace('10', '0'))
  const refused = await curl({ ...posting, words: wrong }, base)
  expect([refused.status, await refused.text()]).toEqual([422, expect.stringContaining('pages')])
  expect((await curl(asking, base, { '<id>': 'nobody' })).status).toBe(404)

  expect(await printing).toMatch(/^(page \d of 5\n)+a report of 5 pages\n$/)
  expect(await calling).toMatchObject({ code: 0, stdout: '"a report of 10 pages"\n' })
  await eventually(ask, (job) => job.state === 'SUCCESS')
  expect(await (await curl(fetching, base, id)).json()).toBe('a report of 10 pages')

  await trying
  server.child.kill('SIGINT')
  expect((await server.ended).code).toBe(0)

  const own = await serve(folder, tutorial.take('npx celeriac dev'))
  await tryPage(await browse(own.base), own.base)

  // Its end is shown by the chaos tests; here, that the commands are right.
  const long = await run(folder, celeriac(tutorial.take('npx celeriac call')))
  expect(long).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\S{36}\n$/) })
  expect((await run(folder, ['revoke', long.stdout.trim()])).code).toBe(0)
  own.server.child.kill('SIGTERM')
  await own.server.ended

  const production = await serve(folder, tutorial.take('npx celeriac serve'))
  const worker = start(folder, celeriac(tutorial.take('npx celeriac worker')))
  await worker.until(/ ready/)
  const short = posting.words.map((word) => word.replace('10', '1'))
  const accepted = await curl({ ...posting, words: short }, production.base)
  // biome-ignore lint/suspicious/noExplicitAny: JSON, which the test compares.
  const done = async (): Promise<any> => (await fetch(production.base + accepted.headers.get('location'))).json()
  expect(await eventually(done, (job) => job.state === 'SUCCESS')).toMatchObject({ task: 'report' })
  expect(await types).toEqual([])
  expect(await (await fetch(production.base)).text()).toBe(html)
  const left = tutorial.rest.map((line) => line.split(' ').slice(0, 2).join(' '))
  expect(left).toEqual([
    'mkdir reports',
    'npm init',
    'npm install',
    'npm install',
    'npx tsc',
    'pkill -9',
    'npx celeriac',
  ])
})
