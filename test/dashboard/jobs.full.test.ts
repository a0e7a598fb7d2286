import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { RedisServer } from '../redis/server.ts'
import { recordMany } from './manyJobs.ts'
import { cpuOf, type Frames, framesWhileScrolling, percentile, sizeOf, storm } from './measures.ts'
import { openPage, startDashboard, useBrowser } from './scene.ts'

const JOBS = 100_000
/** Of a line, px. */
const LINE = 33
const FRAMES = 200
const browser = useBrowser()

test('100,000 jobs scroll smoothly, from the first to the last, in bounded memory', { timeout: 600_000 }, async () => {
  await using scene = await startDashboard({ define: (app) => recordMany(app, JOBS) })
  const { page, watch } = await openPage(browser(), scene, '#/jobs')
  const lines = page.locator('tr.line')
  await lines.nth(20).waitFor()
  await page.getByText(/^100K\+? jobs$|^\d[\d,]*\+ jobs$/).waitFor()
  const before = await sizeOf(page)
  const measure = async (step: number) => {
    let frames: Frames = { times: [], rows: 0, top: 0 }
    const cpu = await cpuOf(page, async () => {
      frames = await framesWhileScrolling(page, { selector: '.rows', step, frames: FRAMES })
    })
    const { times, rows, top } = frames
    return { cpu: cpu / FRAMES, p50: percentile(times, 0.5), p95: percentile(times, 0.95), rows, top }
  }
  const figures = { still: await measure(0), slow: await measure(120), fast: await measure(2000) }
  console.log(figures, before)
  // To the end: each page is loaded once, and what is far away is dropped.
  const began = Date.now()
  await page.evaluate(`(async () => {
    const box = document.querySelector('.rows')
    const rest = () => new Promise((resolve) => setTimeout(resolve, 50))
    while (!document.querySelector('.foot')?.textContent.includes('No more jobs')) {
      box.scrollTop = box.scrollHeight
      await rest()
    }
    box.scrollTop = box.scrollHeight
  })()`)
  await page.locator(`tr[aria-rowindex="${JOBS + 1}"]`).waitFor()
  const after = await sizeOf(page)
  console.log({ after, 'to the end s': (Date.now() - began) / 1000 })
  expect(await page.getByRole('table', { name: 'Jobs' }).getAttribute('aria-rowcount')).toBe(String(JOBS + 1))
  // Rows that were dropped come back.
  await page.evaluate(`document.querySelector('.rows').scrollTop = ${50_000 * LINE}`)
  await page.locator('tr[aria-rowindex="50002"] a').waitFor()
  await page.evaluate(`document.querySelector('.rows').scrollTop = 0`)
  await page.locator('tr[aria-rowindex="2"] a').waitFor()
  for (const { rows, cpu } of Object.values(figures)) {
    expect(rows).toBeLessThan(80)
    // Processor time: on a machine with other work frames are late whatever the page does.
    expect(cpu).toBeLessThan(50)
  }
  expect(after.nodes).toBeLessThan(20_000)
  expect(after.heapMiB - before.heapMiB).toBeLessThan(20)
  expect(watch).toEqual({ strays: [], faults: [] })
  await page.close()
})

test('a storm of 5,000 events a second leaves the page usable, and its memory flat', { timeout: 300_000 }, async () => {
  const redis = await RedisServer.start()
  onTestFinished(() => redis.stop())
  await using scene = await startDashboard({ broker: redis.url() })
  const folder = mkdtempSync(join(tmpdir(), 'celeriac-storm-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const { page, watch } = await openPage(browser(), scene, '#/jobs')
  await page.getByRole('heading', { name: 'No jobs yet' }).waitFor()
  await page.getByText('Live', { exact: true }).waitFor()
  const seen = await storm(page, { url: redis.url(), folder, rate: 5000, seconds: 60, press: 'Shift' })
  console.log(seen)
  expect(seen.events).toBeGreaterThan(250_000)
  await page.locator('tr.line').nth(20).waitFor()
  const [, first, ...others] = seen.sizes
  for (const { heapMiB } of others) expect(heapMiB - (first?.heapMiB ?? 0)).toBeLessThan(15)
  expect(seen.blocked).toBeLessThan(0.5)
  expect(seen.slowestKey).toBeLessThan(3000)
  expect(watch).toEqual({ strays: [], faults: [] })
  await page.close()
})
