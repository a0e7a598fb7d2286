import { mkdtemp, rm } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type HttpOptions, type HttpServer, type ServeOptions, serve } from '../../src/http/server/serve.ts'
import { Celeriac, type CeleriacOptions } from '../../src/index.ts'
import { createLogger } from '../../src/std/log.ts'
import { Worker } from '../../src/worker/worker.ts'
import { RedisServer } from '../redis/server.ts'

/** An app of a test's own behind a server on a free port, with a worker where that is asked for. */
export interface House extends AsyncDisposable {
  readonly app: Celeriac
  readonly server: HttpServer
  /** One request over a connection of its own, with exactly these headers and those of HTTP itself. */
  ask(method: string, path: string, options?: Asked): Promise<Answer>
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Answer>
}

export interface Asked {
  readonly headers?: Readonly<Record<string, string | string[]>>
  readonly body?: string | Uint8Array
}

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
  // biome-ignore lint/suspicious/noExplicitAny: whatever JSON the server says.
  readonly json: any
}

export interface HouseOptions {
  readonly http?: Partial<HttpOptions>
  readonly serve?: ServeOptions
  readonly backend?: string
  /** Further options of the app. */
  readonly app?: CeleriacOptions
  readonly worker?: boolean
}

/** `store` is `memory:`, `sqlite:` (a file of its own), `redis:` (a server of its own), or any other URL. */
export async function build(
  store: string,
  define: (app: Celeriac) => HttpOptions['expose'],
  options: HouseOptions = {},
): Promise<House> {
  const folder = await mkdtemp(join(tmpdir(), 'celeriac-house-'))
  const redis = store === 'redis:' ? await RedisServer.start() : undefined
  const broker = redis?.url() ?? (store === 'sqlite:' ? `sqlite:${join(folder, 'store.db')}` : store)
  const logger = createLogger('error', { write: () => undefined })
  const app = new Celeriac({ broker, backend: options.backend, logger, ...options.app })
  const server = await serve(app.http({ expose: define(app), ...options.http }), { port: 0, ...options.serve })
  const worker = options.worker ? new Worker(app, { concurrency: 4 }) : undefined
  await worker?.start()
  const ask: House['ask'] = (method, path, asked) => exchange(server.port, method, path, asked)
  return {
    app,
    server,
    ask,
    post: (path, body, headers) =>
      ask('POST', path, { body: JSON.stringify(body), headers: { 'content-type': 'application/json', ...headers } }),
    async [Symbol.asyncDispose]() {
      await worker?.stop({ grace: 0 })
      await server.close()
      await app.close()
      await redis?.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

function exchange(port: number, method: string, path: string, { headers, body }: Asked = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, method, path, headers, agent: false }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString()
        const isJson = text !== '' && /[/+]json$/.test(response.headers['content-type'] ?? '')
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          text,
          json: isJson ? JSON.parse(text) : undefined,
        })
      })
    })
    sent.on('error', reject)
    sent.end(body)
  })
}
