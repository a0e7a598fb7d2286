import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { z } from 'zod'
import type { HttpOptions } from '../../src/http/api.ts'
import { createHttp } from '../../src/http/api.ts'
import { type HttpServer, serve } from '../../src/http/server/serve.ts'
import { Celeriac } from '../../src/index.ts'
import type { TaskMeta } from '../../src/protocol/result.ts'
import { createLogger, type Logger } from '../../src/std/log.ts'
import { storesOf } from '../app/stores.ts'
import { RedisServer } from '../redis/server.ts'

/** An app with a few tasks behind a server on a free port. */
export interface Service extends AsyncDisposable {
  readonly app: Celeriac
  readonly server: HttpServer
  /** Lines of the app's log. */
  readonly log: Record<string, unknown>[]
  fetch(path: string, init?: RequestInit): Promise<Response>
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Response>
  /** Write a record as a worker would. */
  record(meta: Partial<TaskMeta> & { task_id: string }): Promise<void>
}

export const stores = ['memory:', 'sqlite:'] as const

export async function startService(
  store: string = 'memory:',
  options: Partial<HttpOptions> = {},
  backend?: string,
): Promise<Service> {
  const folder = await mkdtemp(join(tmpdir(), 'celeriac-http-'))
  const { log, logger } = memoryLog()
  const started = Date.now() - 1000
  let recorded = 0
  const redis = store === 'redis:' ? await RedisServer.start() : undefined
  const broker = redis?.url() ?? (store === 'sqlite:' ? `sqlite:${join(folder, 'store.db')}` : store)
  const app = new Celeriac({ broker, backend, logger, unknownTaskTimeout: 0 })
  const server = await serve(createHttp(app, { expose: defineTasks(app), ...options }), { port: 0 })
  return {
    app,
    server,
    log,
    fetch: (path, init) => fetch(server.url + path, init),
    post: (path, body, headers) =>
      fetch(server.url + path, {
        method: 'POST',
        body: JSON.stringify(body),
        headers: { 'content-type': 'application/json', ...headers },
      }),
    async record(meta) {
      const base = {
        status: 'PENDING',
        result: null,
        traceback: null,
        date_done: null,
        children: [],
        name: 'tasks.add',
      }
      const { backend } = await storesOf(app)
      if (backend.jobs?.scope !== 'marked') return void (await backend.store({ ...base, ...meta }))
      // As it would be of a job handed in over HTTP; each a moment later than the one before.
      const date_submitted = new Date(started + recorded++).toISOString()
      await backend.store({ ...base, date_submitted, ...meta }, undefined, {})
    },
    async [Symbol.asyncDispose]() {
      await server.close()
      await app.close()
      await redis?.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** `hidden` is a task of the app that is not exposed. */
function defineTasks(app: Celeriac): HttpOptions['expose'] {
  app.task('tasks.hidden', () => 1)
  const add = app.task('tasks.add', (x: number, y: number) => x + y)
  const echo = app.task('tasks.echo', (value: unknown) => value)
  const render = app.task({
    name: 'reports.render',
    input: z.object({
      id: z.string(),
      dpi: z.coerce.number().int().default(150),
      tags: z.array(z.object({ name: z.string() })).optional(),
    }),
    output: z.object({ url: z.string(), pages: z.number() }),
    progress: z.object({ page: z.number(), of: z.number() }),
    description: 'Make a report',
    run: async ({ id, dpi }, ctx) => {
      await ctx.progress({ page: 1, of: 1 })
      return { url: `/reports/${id}@${dpi}`, pages: 1 }
    },
  })
  const wait = app.task({
    name: 'tasks.wait',
    input: z.object({}),
    run: (_, ctx) =>
      new Promise((_resolve, reject) => ctx.signal.addEventListener('abort', () => reject(ctx.signal.reason))),
  })
  const fail = app.task('tasks.fail', (message: string) => {
    throw new RangeError(message)
  })
  const repeat = app.task('tasks.repeat', (text: string, times?: number) => text.repeat(times ?? 1), {
    params: { text: z.string(), times: z.number().int().max(9).optional() },
  })
  const opaque = app.task('tasks.opaque', ({ x }: { x: number }) => x)
  return [add, echo, render, wait, fail, repeat, opaque, 'python.multiply']
}

function memoryLog(): { log: Record<string, unknown>[]; logger: Logger } {
  const log: Record<string, unknown>[] = []
  return { log, logger: createLogger('debug', { write: (line: string) => log.push(JSON.parse(line)) }) }
}

/** The problem document of an answer, whose status and type must be these. */
export async function problemOf(response: Response, status: number, kind: string): Promise<Record<string, unknown>> {
  const body = (await response.json()) as Record<string, unknown>
  expect(body).toMatchObject({ status, type: `urn:celeriac:problem:${kind}` })
  expect(response.status).toBe(status)
  expect(response.headers.get('content-type')).toBe('application/problem+json')
  return body
}

export async function jobOf(response: Response): Promise<Record<string, unknown>> {
  expect(response.headers.get('content-type')).toBe('application/json')
  return (await response.json()) as Record<string, unknown>
}

/** What the server writes to a raw connection until it ends it, or `pause` ms after `bytes` were sent. */
export function rawExchange(server: HttpServer, parts: readonly (string | Uint8Array)[], pause = 300): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(server.port, '127.0.0.1')
    let answer = ''
    socket.on('data', (chunk) => {
      answer += chunk
    })
    // A server that ends the connection while it is written to: what it said before counts.
    socket.on('error', () => resolve(answer))
    socket.on('close', () => resolve(answer))
    for (const part of parts) socket.write(part)
    setTimeout(() => socket.destroy(), pause)
  })
}
