import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { CDPSession, Page } from 'playwright-core'
import { expect, onTestFinished, test } from 'vitest'
import { project, start } from '../cli/harness.ts'
import { startBrowser } from '../http/browser.ts'
import { RedisServer } from '../redis/server.ts'

const MINUTES = Number(process.env.SOAK_MINUTES ?? 5)
const RATE = 5000
const SENDER = fileURLToPath(new URL('../../bench/children/recorder.ts', import.meta.url))
/** A person notices what is slower, ms. */
const MAX_OPENED_MS = 1000
const MAX_LAG_P95_MS = 100
const MIB = 2 ** 20

/** What a page does at one moment. */
interface Sample {
  readonly page: string
  /** Of the heap, after a collection. */
  readonly mib: number
  readonly nodes: number
  /** From the click in the navigation to the page, ms. */
  readonly opened: number
  /** How late timers of the page were since the last sample, ms. */
  readonly lag: { readonly p95: number; readonly max: number }
}

test(`${RATE} events a second: the pages answer at once, and their memory stays as it is`, async ({ annotate }) => {
  const redis = await RedisServer.start()
  onTestFinished(() => redis.stop())
  const command = start(project({}), ['dashboard', '-b', redis.url(), '--port', '0', '--no-token'])
  await command.until(/dashboard at \S+/)
  const [, url = ''] = /dashboard at (\S+?)(?:,|\n)/.exec(command.stdout) ?? []
  const sender = fork(SENDER, [
    JSON.stringify({ role: 'send', url: redis.url(), folder: '', rate: RATE, seconds: MINUTES * 60 + 30 }),
  ])
  onTestFinished(() => void sender.kill('SIGKILL'))
  const browser = await startBrowser()
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } })
  await page.goto(`${url}/dashboard`)
  await page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor()
  await page.evaluate(WATCH_LAG)
  const cdp = await page.context().newCDPSession(page)
  const samples: Sample[] = []
  const end = performance.now() + MINUTES * 60_000
  for (let at = 0; performance.now() < end; at++) {
    const sample = await sampled(page, cdp, ['Jobs', 'Overview', 'Workers', 'Failures'][at % 4] as string)
    samples.push(sample)
    await annotate(JSON.stringify(sample))
  }
  // The first round loads the code of each page.
  const settled = samples.slice(4)
  expect(settled.length, 'samples: too few minutes').toBeGreaterThan(4)
  for (const { page: name, opened, lag } of settled) {
    expect(opened, `to open ${name}`).toBeLessThan(MAX_OPENED_MS)
    expect(lag.p95, `late timers on ${name}`).toBeLessThan(MAX_LAG_P95_MS)
  }
  for (const name of ['Jobs', 'Overview']) {
    const own = settled.filter((sample) => sample.page === name)
    const [first, last] = [own[0], own.at(-1)]
    expect((last?.mib ?? 0) - (first?.mib ?? 0), `growth of the heap, MiB, on ${name}`).toBeLessThan(20)
    expect((last?.nodes ?? 0) / (first?.nodes ?? 1), `growth of the document on ${name}`).toBeLessThan(2)
  }
  expect(sender.exitCode, 'the sender goes on').toBeNull()
})

/** Timers of 20 ms, and how much later than that they come. */
const WATCH_LAG = `window.lags = []
  let last = performance.now()
  setInterval(() => {
    const now = performance.now()
    window.lags.push(now - last - 20)
    last = now
  }, 20)`

/** Ms that a page is looked at. */
const LOOKED_MS = 12_000

async function sampled(page: Page, cdp: CDPSession, name: string): Promise<Sample> {
  const clicked = performance.now()
  await page.getByRole('navigation').getByRole('link', { name, exact: true }).click()
  await page.getByRole('heading', { level: 1, name }).waitFor()
  const opened = performance.now() - clicked
  await page.evaluate('window.lags.length = 0')
  await page.waitForTimeout(LOOKED_MS)
  const lags = ((await page.evaluate('window.lags')) as number[]).toSorted((a, b) => a - b)
  await cdp.send('HeapProfiler.collectGarbage')
  const { usedSize } = await cdp.send('Runtime.getHeapUsage')
  const nodes = (await page.evaluate("document.querySelectorAll('*').length")) as number
  return {
    page: name,
    mib: Math.round((usedSize / MIB) * 10) / 10,
    nodes,
    opened: Math.round(opened),
    lag: { p95: Math.round(lags[Math.floor(lags.length * 0.95)] ?? 0), max: Math.round(lags.at(-1) ?? 0) },
  }
}
