import type { Hono } from 'hono'
import type { App } from '../app/app.ts'
import type { HttpServer } from '../http/serve.ts'
import { CeleriacError, ConfigError } from '../std/errors.ts'
import type { Logger } from '../std/log.ts'
import { moduleUrl } from '../worker/pool/load.ts'

export interface Address {
  host: string
  port: number
  /** Names by which clients may call it, see `ServeOptions`. */
  hosts?: readonly string[]
}

/**
 * What the module exports as `http`, else the HTTP API of all tasks of the app. An address that cannot be had is a failure, not wrong use: it may be free later.
 */
export async function startHttp(
  app: App,
  { host, port, hosts, app: module }: Address & { app?: string },
  accessLog?: Logger,
): Promise<HttpServer> {
  const own = await ownHttp(module)
  const [{ createHttp }, { serve }] = await Promise.all([import('../http/api.ts'), import('../http/serve.ts')])
  try {
    return await serve(own ?? createHttp(app, { expose: [...app.tasks.values()] }), { host, port, hosts, accessLog })
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    throw new CeleriacError('COMMAND_FAILED', error.message, { cause: error })
  }
}

/** The module's own application, if it has one: the export `http`. Rejects with ConfigError when it cannot be served. */
async function ownHttp(module: string | undefined): Promise<Hono | undefined> {
  if (module === undefined) return undefined
  const { http } = (await import(moduleUrl(module))) as { http?: Partial<Hono> | null }
  if (http === undefined || typeof http?.fetch === 'function') return http as Hono | undefined
  throw new ConfigError(`${module}: http: expected a Hono app, or another object with fetch, got ${typeof http}`)
}
