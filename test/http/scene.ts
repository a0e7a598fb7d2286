import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import { createHttp, type HttpOptions } from '../../src/http/api.ts'
import { type HttpServer, serve } from '../../src/http/server/serve.ts'
import { Celeriac } from '../../src/index.ts'
import { createLogger } from '../../src/std/log.ts'
import { Worker } from '../../src/worker/worker.ts'
import { secretOf } from '../webhook/receiver.ts'

/** A PNG of one pixel. */
export const PIXEL = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
)

/** Holds tasks back until it is told to let them go. */
export class Gate {
  readonly #waiting: (() => void)[] = []
  #open = false

  pass(): Promise<void> {
    return this.#open ? Promise.resolve() : new Promise((resolve) => this.#waiting.push(resolve))
  }

  open(): void {
    this.#open = true
    for (const go of this.#waiting.splice(0)) go()
  }
}

/** Its type is what the clients under test have. */
export function defineTasks(app: Celeriac, gate: Gate) {
  return {
    add: app.task('math.add', (x: number, y: number) => x + y),
    echo: app.task('echo', (value: unknown) => value, { accepts: ['image/*', 'multipart/form-data'] }),
    fail: app.task('fail', (message: string) => {
      throw new RangeError(message)
    }),
    pixel: app.task('images.pixel', () => new Uint8Array(PIXEL), { contentType: 'image/png' }),
    page: app.task('pages.hello', () => '<h1>hello</h1>', { contentType: 'text/html' }),
    render: app.task({
      name: 'reports.render',
      description: 'Render a report page by page',
      input: z.object({
        title: z
          .string()
          .min(1)
          .describe('What it is about')
          .meta({ examples: ['Third quarter'] }),
        pages: z.number().int().min(1).max(20).default(5),
        format: z.enum(['pdf', 'html']).default('pdf'),
        draft: z.boolean().optional(),
      }),
      output: z.object({ url: z.string(), pages: z.number() }),
      progress: z.object({ page: z.number(), of: z.number() }),
      example: { input: { title: 'Third quarter', pages: 5 }, result: { url: '/reports/r1.pdf', pages: 5 } },
      run: async ({ title, pages, format }, ctx) => {
        for (let page = 1; page <= pages; page++) {
          await ctx.progress({ page, of: pages })
          await new Promise((resolve) => setTimeout(resolve, 120))
        }
        return { url: `/reports/${encodeURIComponent(title)}.${format}`, pages }
      },
    }),
    held: app.task({
      name: 'held',
      input: z.object({ steps: z.number().default(1) }),
      progress: z.object({ step: z.number() }),
      run: async ({ steps }, ctx) => {
        for (let step = 1; step <= steps; step++) {
          await ctx.progress({ step })
          await new Promise((resolve) => setTimeout(resolve, 110))
        }
        const stopped = new Promise((_, reject) => {
          if (ctx.signal.aborted) reject(ctx.signal.reason)
          ctx.signal.addEventListener('abort', () => reject(ctx.signal.reason))
        })
        await Promise.race([gate.pass(), stopped])
        return steps
      },
    }),
  }
}

export type Tasks = ReturnType<typeof defineTasks>

export interface Scene extends AsyncDisposable {
  readonly app: Celeriac
  readonly tasks: Tasks
  readonly gate: Gate
  server: HttpServer
  readonly url: string
  /** The server goes, and another comes at the same place. */
  restart(): Promise<void>
}

/** An app with tasks, a worker and a server, on a store of its own. */
export async function startScene(http: Partial<HttpOptions> = {}, { work = true } = {}): Promise<Scene> {
  const folder = await mkdtemp(join(tmpdir(), 'celeriac-scene-'))
  const app = new Celeriac({
    name: 'shop',
    broker: `sqlite:${join(folder, 'store.db')}`,
    logger: createLogger('silent'),
    webhooks: { secret: secretOf('one'), allow: ['127.0.0.1'] },
  })
  const gate = new Gate()
  const tasks = defineTasks(app, gate)
  const api = createHttp(app, { expose: [...Object.values(tasks), 'python.multiply'], ...http })
  const worker = new Worker(app, { concurrency: 10 })
  if (work) await worker.start()
  const scene: Scene = {
    app,
    tasks,
    gate,
    server: await serve(api, { port: 0 }),
    get url() {
      return scene.server.url
    },
    async restart() {
      const { port } = scene.server
      await scene.server.close()
      scene.server = await serve(api, { port })
    },
    async [Symbol.asyncDispose]() {
      gate.open()
      await scene.server.close()
      if (work) await worker.stop({ grace: 0 })
      await app.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
  return scene
}
