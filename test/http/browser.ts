import { type Browser, chromium, type Page } from 'playwright-core'

/** The system's Chromium. */
export function startBrowser(): Promise<Browser> {
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
