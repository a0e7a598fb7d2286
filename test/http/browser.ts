import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, onTestFinished } from 'vitest'

/** The system's Chromium, for the tests of the suite around. */
export function useBrowser(): () => Browser {
  let browser: Browser | undefined
  beforeAll(async () => {
    browser = await launch()
  })
  afterAll(() => browser?.close())
  return () => browser as Browser
}

/** The system's Chromium, until the end of the test. */
export async function startBrowser(): Promise<Browser> {
  const browser = await launch()
  onTestFinished(() => browser.close())
  return browser
}

function launch(): Promise<Browser> {
  return chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] })
}

/** What a page did that it should not have. */
export interface Watch {
  /** Requests to other places than the server: they get no answer. */
  readonly strays: string[]
  /** Errors and breaches of the content security policy. */
  readonly faults: string[]
}

/** From now on the page reaches this origin alone, as without a network, and its faults are kept. */
export async function watchPage(page: Page, origin: string): Promise<Watch> {
  const watch: Watch = { strays: [], faults: [] }
  await page.route('**/*', (route) => {
    const url = route.request().url()
    if (url.startsWith(`${origin}/`)) return route.fallback()
    watch.strays.push(url)
    return route.abort()
  })
  page.on('pageerror', (error) => watch.faults.push(error.message))
  page.on('console', (message) => {
    if (/Content Security Policy|Trusted/i.test(message.text())) watch.faults.push(message.text())
  })
  return watch
}
