import type { Page } from 'playwright-core'
import { z } from 'zod'
import { createClient } from '../../src/client/client.ts'
import type { HttpOptions } from '../../src/http/options.ts'
import type { Celeriac } from '../../src/index.ts'
import { Worker } from '../../src/worker/worker.ts'
import { type DashboardScene, startDashboard } from './scene.ts'

/** Names and texts that must stay texts. */
export const HOSTILE = '<img src=x onerror=alert(1)>\u202egnp.\u0000\u0007'

/** A name has no control characters: the app refuses them. */
export const HOSTILE_NAME = '<img src=x onerror=alert(1)>\u202egnp.'

/** A fleet whose jobs the page of one job shows. */
export interface JobScene extends AsyncDisposable {
  readonly scene: DashboardScene
  readonly worker: Worker
  /** Lets the jobs of `wait.gate` end. */
  open(): void
  /** Lets the jobs of `ticks` write: the page follows their log by then. */
  tick(): void
  /** Submit a job by HTTP, so that its input is kept. Its id. */
  submit(task: string, input: unknown): Promise<string>
  client(): ReturnType<typeof createClient>
}

/** Emits what it is asked for, and waits. */
function defineTasks(app: Celeriac, gate: Promise<void>, mayTick: Promise<void>): void {
  const render = app.task('report.render', (title: string, options: object) => ({
    title,
    options,
    big: 2n ** 70n,
    none: null,
  }))
  app.task('family.parent', async (title: string) => (await render.delay(title, {})).id)
  app.task({
    name: 'order.charge',
    input: z.object({ card: z.string(), sum: z.number() }),
    retry: { max: 1, delay: 1 },
    run: ({ sum }, { attempt }) => {
      if (sum < 0) throw new RangeError(`no row ${attempt}`, { cause: new TypeError('connection <b>refused</b>') })
      return sum
    },
  })
  app.task({
    name: 'wait.gate',
    input: z.object({ lines: z.number() }),
    exposeLogs: true,
    run: async ({ lines }, ctx) => {
      for (let line = 0; line < lines; line++) ctx.log.info({ line }, `line ${line}`)
      ctx.log.error({ text: HOSTILE }, HOSTILE)
      await ctx.chunk('Once upon ')
      await ctx.chunk('a time')
      await ctx.progress({ done: 3, total: 10 })
      await Promise.race([gate, aborted(ctx.signal)])
      return new Uint8Array([1, 2, 3])
    },
  })
  app.task({
    name: 'ticks',
    input: z.object({ count: z.number(), gap: z.number() }),
    exposeLogs: true,
    run: async ({ count, gap }, ctx) => {
      ctx.log.info({}, 'ready')
      await Promise.race([mayTick, aborted(ctx.signal)])
      for (let tick = 0; tick < count; tick++) {
        await new Promise((resolve) => setTimeout(resolve, gap))
        ctx.log.info({ tick }, `tick ${Date.now()}`)
      }
      await Promise.race([gate, aborted(ctx.signal)])
    },
  })
  app.task(HOSTILE_NAME, (text: string) => {
    throw new Error(`${text} ${HOSTILE}`)
  })
}

/** Rejects when the job should stop. */
export function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }))
}

export async function startJobScene(
  http: Partial<HttpOptions> = {},
  more: (app: Celeriac) => void = () => undefined,
): Promise<JobScene> {
  const gate = Promise.withResolvers<void>()
  const mayTick = Promise.withResolvers<void>()
  const scene = await startDashboard({
    http,
    define: (app) => {
      defineTasks(app, gate.promise, mayTick.promise)
      more(app)
    },
  })
  const client = createClient(scene.server.url)
  // The first request starts the recorder: what is sent before it has begun is not known to it.
  if (!http.authorize) await client.recorded.jobs()
  const worker = new Worker(scene.app, { hostname: 'celeriac@one', concurrency: 4, taskEvents: true })
  await worker.start()
  return {
    scene,
    worker,
    open: () => gate.resolve(),
    tick: () => mayTick.resolve(),
    submit: async (task, input) => (await client.submit(task as never, input as never)).id,
    client: () => client,
    [Symbol.asyncDispose]: async () => {
      gate.resolve()
      await worker.stop()
      await scene[Symbol.asyncDispose]()
    },
  }
}

/** The section of the page with this heading. */
export function section(page: Page, name: string | RegExp) {
  return page.locator('section.card').filter({ has: page.getByRole('heading', { level: 2, name }) })
}

/** From now on the page remembers when it shows each text `tick <ms since the epoch>` first; older ones do not count. */
export async function watchTicks(page: Page): Promise<void> {
  await page.evaluate(`(() => {
    const seen = new Map()
    const begin = Date.now()
    window.ticks = seen
    new MutationObserver((changes) => {
      const now = Date.now()
      const texts = changes.flatMap(({ target, addedNodes }) => [target.nodeType === 3 ? target : undefined, ...addedNodes])
      for (const node of texts)
        for (const [, at] of (node?.textContent ?? '').matchAll(/tick (\\d{13})/g)) if (at >= begin && !seen.has(at)) seen.set(at, now)
    }).observe(document.body, { subtree: true, childList: true, characterData: true })
  })()`)
}

/** How late the page showed them, ms, the least first. */
export async function lateTicks(page: Page): Promise<readonly number[]> {
  const late = (await page.evaluate('[...window.ticks].map(([at, shown]) => shown - Number(at))')) as number[]
  return late.toSorted((one, other) => one - other)
}

/** Such a share of them is not later, ms. */
export function percentile(late: readonly number[], share: number): number {
  return late[Math.min(late.length - 1, Math.floor(late.length * share))] as number
}
