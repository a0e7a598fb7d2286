import type { BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { useBrowser } from '../../../test/http/browser.ts'
import { Folder, type Program } from '../../shared/test/program.ts'

const browser = useBrowser()
let folder: Folder
let service: Program

/** What a page complained of, and where it went. */
interface Seen {
  readonly complaints: string[]
  readonly hosts: Set<string>
}

async function open(options: BrowserContextOptions = {}): Promise<{ page: Page; seen: Seen }> {
  const context = await browser().newContext(options)
  onTestFinished(() => context.close())
  const page = await context.newPage()
  const seen: Seen = { complaints: [], hosts: new Set() }
  page.on('pageerror', (error) => seen.complaints.push(error.message))
  page.on('console', (message) => message.type() === 'error' && seen.complaints.push(message.text()))
  page.on('request', (request) => seen.hosts.add(new URL(request.url()).host))
  await page.goto(service.url)
  return { page, seen }
}

/** Keeps every value of the bar, from now on, in `seen`. In text: it runs in the browser, whose types are not ours. */
const WATCH = `
  globalThis.seen = []
  const look = () => {
    const bar = document.querySelector('progress')
    if (bar && bar.value !== seen.at(-1)) seen.push(bar.value)
    requestAnimationFrame(look)
  }
  look()`

/** The width in pixels of the picture that is shown. */
async function pictureWidth(page: Page): Promise<number> {
  const image = page.getByRole('img', { name: /ten random values/ })
  await image.waitFor()
  return await image.evaluate((one: { naturalWidth?: number }) => one.naturalWidth ?? 0)
}

describe('in a browser', () => {
  beforeAll(async () => {
    folder = new Folder()
    service = await folder.start('plots', '--concurrency', '2')
  })

  afterAll(() => folder.close())

  it('the link, the bar that moves, the picture; all from one server', async () => {
    const { page, seen } = await open()
    await page.addInitScript(WATCH)
    await page.getByRole('link', { name: 'Get data from Strava' }).click()
    await page.getByRole('progressbar', { name: 'Progress of the plot' }).waitFor()
    await page.getByRole('status').getByText('Fetching the data').waitFor()
    expect(await pictureWidth(page)).toBe(1600)
    const shares = await page.evaluate<number[]>('seen')
    expect(shares).toContain(0.1)
    expect(shares).toEqual([...shares].sort((a, b) => a - b))
    expect(shares.at(-1)).toBe(1)
    expect(await page.getByRole('figure').getAttribute('aria-busy')).toBe('false')
    expect(await page.getByRole('link', { name: 'Download PNG' }).isVisible()).toBe(true)
    expect({ ...seen, hosts: [...seen.hosts] }).toEqual({ complaints: [], hosts: [new URL(service.url).host] })
  })

  it('loaded again, it shows the same picture', async () => {
    const { page } = await open()
    await page.getByRole('link', { name: 'Get data' }).click()
    await pictureWidth(page)
    const address = page.url()
    expect(address).toMatch(/image_page\?jobid=./)
    await page.reload()
    await pictureWidth(page)
    expect(page.url()).toBe(address)
    await page.getByRole('link', { name: 'Draw another' }).click()
    await page.getByRole('status').getByText('Fetching').waitFor()
    expect(page.url()).not.toBe(address)
  })

  it.each([
    ['refused', { status: 502, body: '' }],
    ['answered by something else', { status: 200, contentType: 'text/html', body: 'proxy' }],
    ['held up', undefined],
  ])('where events are %s, it polls', async (_, answer) => {
    const { page } = await open()
    let polls = 0
    await page.route('**/progress?*', (route) => {
      if (!route.request().headers().accept?.includes('event-stream')) {
        polls++
        return route.continue()
      }
      // Else the browser waits for an answer that never comes.
      return answer ? route.fulfill(answer) : undefined
    })
    await page.getByRole('link', { name: 'Get data' }).click()
    expect(await pictureWidth(page)).toBe(1600)
    expect(polls).toBeGreaterThan(0)
  })

  it('without JavaScript the browser waits, and shows the picture', async () => {
    const { page } = await open({ javaScriptEnabled: false })
    const drawn = page.waitForResponse((one) => one.status() === 200 && one.url().includes('result.png'))
    await page.getByRole('link', { name: 'Get data' }).click()
    const response = await drawn
    expect(response.headers()['content-type']).toBe('image/png')
  })

  it('says so when there is no picture, and when there will be none', async () => {
    const { page } = await open()
    await page.goto(`${service.url}/image_page?jobid=nobody`)
    await page.getByRole('heading', { name: 'No such plot' }).waitFor()
    await page.goto(`${service.url}/image_page`)
    const jobid = new URL(page.url()).searchParams.get('jobid')
    const [, ended] = await Promise.all([
      page.getByRole('status').getByText('could not be drawn').waitFor(),
      service.fetch(`/v1/jobs/${jobid}?terminate=1`, { method: 'DELETE' }),
    ])
    expect([200, 202]).toContain(ended.status)
    expect((await service.fetch(`/result.png?jobid=${jobid}`)).status).toBe(409)
    await page.reload()
    await page.getByRole('status').getByText('could not be drawn').waitFor()
  })
})

describe('a page that is open', () => {
  beforeEach(() => {
    folder = new Folder({ PLOTS_LEASE: '1s' })
  })

  afterEach(() => folder.close())

  it('goes on when the service is killed and started again', async () => {
    service = await folder.serve('plots/web.ts')
    const { page } = await open()
    await page.getByRole('link', { name: 'Get data' }).click()
    await page.getByRole('status').getByText('Waiting for a worker').waitFor()
    await service.end('SIGKILL')
    await page.getByRole('status').getByText('The connection is lost').waitFor()
    await folder.serve('plots/web.ts', Number(new URL(service.url).port))
    // It says so at once: nothing new happens to the job, of which an event could tell.
    await page.getByRole('status').getByText('Waiting for a worker').waitFor()
    await folder.work('plots/tasks.ts')
    expect(await pictureWidth(page)).toBe(1600)
  })
})
