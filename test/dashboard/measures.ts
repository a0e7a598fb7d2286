import type { CDPSession, Page } from 'playwright-core'
import type { RecorderOrder } from '../../bench/children/recorder.ts'
import { Child } from '../../bench/harness/child.ts'

const MIB = 2 ** 20
const sender = new URL('../../bench/children/recorder.ts', import.meta.url)

/** What a page needs after a collection of garbage. */
export interface PageSize {
  readonly heapMiB: number
  readonly nodes: number
}

export async function sizeOf(page: Page): Promise<PageSize> {
  const session: CDPSession = await page.context().newCDPSession(page)
  // Elements go with the second one, after their wrappers.
  for (let again = 0; again < 2; again++) {
    await session.send('HeapProfiler.collectGarbage')
    await page.evaluate('new Promise((resolve) => requestIdleCallback(resolve))')
  }
  await session.send('Performance.enable')
  const { metrics } = await session.send('Performance.getMetrics')
  const value = (name: string): number => metrics.find((metric) => metric.name === name)?.value ?? Number.NaN
  await session.detach()
  return { heapMiB: value('JSHeapUsedSize') / MIB, nodes: value('Nodes') }
}

/** Frames of a page while a box of it is scrolled. */
export interface Frames {
  /** From one frame to the next, ms. */
  readonly times: readonly number[]
  /** The most rows that the box had. */
  readonly rows: number
  /** Where it was at the end, px. */
  readonly top: number
}

/** Scrolls a box by so many px in each of so many frames. */
export function framesWhileScrolling(
  page: Page,
  { selector, step, frames }: { selector: string; step: number; frames: number },
): Promise<Frames> {
  return page.evaluate(`new Promise((resolve) => {
    const box = document.querySelector(${JSON.stringify(selector)})
    const times = []
    let rows = 0
    let before = performance.now()
    const frame = (now) => {
      times.push(now - before)
      before = now
      rows = Math.max(rows, box.querySelectorAll('tr').length)
      if (times.length >= ${frames}) {
        resolve({ times: times.slice(2), rows, top: box.scrollTop })
        return
      }
      box.scrollTop += ${step}
      requestAnimationFrame(frame)
    }
    requestAnimationFrame(frame)
  })`)
}

/** Processor time of the main thread of a page while something is done, ms: other work on the machine does not count. */
export async function cpuOf(page: Page, work: () => Promise<unknown>): Promise<number> {
  const session = await page.context().newCDPSession(page)
  await session.send('Performance.enable', { timeDomain: 'threadTicks' })
  const used = async (): Promise<number> => {
    const { metrics } = await session.send('Performance.getMetrics')
    return (metrics.find(({ name }) => name === 'TaskDuration')?.value ?? Number.NaN) * 1000
  }
  const before = await used()
  await work()
  const after = await used()
  await session.detach()
  return after - before
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN
}

export interface Storm {
  /** Events that were sent. */
  readonly events: number
  /** The longest tasks of the page's main thread, ms. */
  readonly longest: number
  /** Share of the time in tasks longer than 50 ms. */
  readonly blocked: number
  /** From a press of a key to the next frame, ms: the longest of all. */
  readonly slowestKey: number
  /** In equal steps of the time. */
  readonly sizes: readonly PageSize[]
}

/**
 * Sends events of jobs on this broker, so many a second for so many seconds, and looks at the page meanwhile. `press`:
 * a key that changes nothing.
 */
export async function storm(
  page: Page,
  { url, folder, rate, seconds, press }: { url: string; folder: string; rate: number; seconds: number; press: string },
): Promise<Storm> {
  await page.evaluate(`window.longTasks = []
    new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) window.longTasks.push(duration)
    }).observe({ type: 'longtask' })`)
  const child = new Child(sender, { role: 'send', url, folder, rate, seconds } satisfies RecorderOrder)
  const sent = child.next<number>()
  let isOver = false
  void sent.finally(() => {
    isOver = true
  })
  const sizes: PageSize[] = []
  let slowestKey = 0
  const begin = Date.now()
  const STEPS = 6
  while (!isOver) {
    const due = sizes.length < STEPS && Date.now() - begin >= (sizes.length * seconds * 1000) / STEPS
    if (due) sizes.push(await sizeOf(page))
    const pressed = Date.now()
    await page.keyboard.press(press)
    await page.evaluate('new Promise((resolve) => requestAnimationFrame(resolve))')
    slowestKey = Math.max(slowestKey, Date.now() - pressed)
    await page.waitForTimeout(250)
  }
  const events = await sent
  await child.end()
  sizes.push(await sizeOf(page))
  const tasks = (await page.evaluate('window.longTasks')) as number[]
  const sum = tasks.reduce((all, one) => all + one, 0)
  return { events, longest: Math.max(0, ...tasks), blocked: sum / (Date.now() - begin), slowestKey, sizes }
}
