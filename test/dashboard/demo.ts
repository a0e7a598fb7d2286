import { z } from 'zod'
import { cron } from '../../src/beat/when/cron.ts'
import { every } from '../../src/beat/when/every.ts'
import { type Celeriac, chain, group } from '../../src/index.ts'
import { Worker } from '../../src/worker/worker.ts'
import { type DashboardScene, startDashboard } from './scene.ts'

/** A shop whose fleet has something of everything that the pages show. */
export interface Demo extends AsyncDisposable {
  readonly scene: DashboardScene
  readonly tasks: DemoTasks
  /** Submit some of each, of which a part fails. */
  submit(count: number): Promise<void>
  /** A job that has failed after its retries: its id. */
  failed(): Promise<string>
  /** A workflow that has ended: the id of its root job. */
  workflow(): Promise<string>
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

type DemoTasks = ReturnType<typeof defineTasks>

function defineTasks(app: Celeriac) {
  return {
    send: app.task({
      name: 'mail.send',
      description: 'Send a mail to one customer',
      input: z.object({
        to: z.email(),
        subject: z.string().max(120),
        priority: z.enum(['low', 'normal', 'high']).default('normal'),
      }),
      retry: { max: 2, delay: 50 },
      run: async ({ to }) => {
        await pause(10 + Math.random() * 40)
        if (to.startsWith('bounce')) throw new Error(`mailbox ${to} is full`)
        return { accepted: [to] }
      },
    }),
    resize: app.task({
      name: 'images.resize',
      description: 'Make a smaller picture of a photograph',
      input: z.object({ photo: z.string(), width: z.number().int().min(16).max(4000) }),
      run: async ({ photo, width }) => {
        await pause(20 + Math.random() * 120)
        if (photo.endsWith('.gif')) throw new TypeError(`cannot resize ${photo}: expected a JPEG or PNG, got GIF`)
        return { file: photo.replace(/(\.\w+)$/, `-${width}$1`), bytes: width * 321 }
      },
    }),
    render: app.task({
      name: 'reports.render',
      description: 'Render a report page by page',
      input: z.object({ title: z.string(), pages: z.number().int().min(1).max(500) }),
      queue: 'reports',
      exposeLogs: true,
      run: async ({ title, pages }, ctx) => {
        for (let page = 1; page <= pages; page++) {
          ctx.log.info({ page }, `page ${page} of ${pages}`)
          await ctx.progress({ page, of: pages })
          await pause(60)
        }
        return { url: `/reports/${encodeURIComponent(title)}.pdf`, pages }
      },
    }),
    charge: app.task('payments.charge', async (invoice: string, cents: number) => {
      await pause(15)
      if (cents > 90_000) throw new RangeError(`invoice ${invoice}: ${cents} is above the limit of the card`)
      return { invoice, paid: cents }
    }),
    sum: app.task('orders.sum', (totals: number[]) => totals.reduce((all, one) => all + one, 0)),
    total: app.task('orders.total', async (order: number) => {
      await pause(30 + ((order * 37) % 90))
      return order * 10
    }),
  }
}

/** The shop with two workers. Its times and ids differ from run to run. */
export async function startDemo(): Promise<Demo> {
  let tasks: DemoTasks | undefined
  const scene = await startDashboard({
    define: (app) => {
      tasks = defineTasks(app)
    },
  })
  const { app } = scene
  const known = tasks as DemoTasks
  const nightly = { task: known.render, args: { title: 'Night', pages: 3 } }
  await app.schedules.add('nightly report', cron('0 3 * * *', { tz: 'Europe/Berlin' }), nightly)
  await app.schedules.add('refresh totals', every('15m'), { task: known.total, args: [7] }, { overlap: 'skip' })
  const workers = [
    new Worker(app, { hostname: 'celeriac@web-1', concurrency: 4 }),
    new Worker(app, { hostname: 'celeriac@batch-1', concurrency: 8, queues: ['celery', 'reports'] }),
  ]
  await Promise.all(workers.map((worker) => worker.start()))
  return {
    scene,
    tasks: known,
    submit: (count) => submitSome(known, count),
    failed: async () => {
      const sent = await known.send.delay({ to: 'bounce@example.com', subject: 'Your order', priority: 'high' })
      await sent.get().catch((error: Error) => error)
      return sent.id
    },
    workflow: async () => {
      const photos = ['a', 'b', 'c', 'd'].map((name) => known.resize.s({ photo: `${name}.jpg`, width: 800 }))
      const orders = [1, 2, 3].map((order) => known.total.s(order))
      const sent = await group([chain(group(orders), known.sum.s()), ...photos]).delay()
      await sent.get()
      return (await app.workflow(sent.id))?.rootId ?? sent.id
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all(workers.map((worker) => worker.stop()))
      await scene[Symbol.asyncDispose]()
    },
  }
}

async function submitSome({ send, resize, render, charge }: DemoTasks, count: number): Promise<void> {
  const calls = Array.from({ length: count }, (_, index) => {
    if (index % 25 === 24) return render.delay({ title: `Report ${index}`, pages: 5 })
    if (index % 5 === 0) return charge.delay(`2026-${1000 + index}`, 1000 + ((index * 7919) % 107) * 1000)
    if (index % 3 === 0)
      return resize.delay({ photo: `photo-${index}.${index % 39 === 0 ? 'gif' : 'jpg'}`, width: 320 })
    return send.delay({
      to: `${index % 17 === 0 ? 'bounce' : 'ann'}${index}@example.com`,
      subject: 'Your order',
      priority: 'normal',
    })
  })
  await Promise.all(calls)
}
