import type { Hono } from 'hono'
import type { App } from '../app/app.ts'
import { moduleUrl } from '../app/loadApp.ts'
import type { HttpServer, ServeOptions } from '../http/server/serve.ts'
import { CeleriacError, ConfigError } from '../std/errors.ts'
import type { Logger } from '../std/log.ts'

export interface Address {
  host: string
  port: number
  /** Names by which clients may call it, see `ServeOptions`. */
  hosts?: readonly string[]
}

export interface HttpCommandOptions extends Address {
  /** The module with the app. */
  app?: string
  /** Whether the API serves metrics. */
  metrics: boolean
  /** Whether it shows the fleet to every client. */
  fleet?: boolean
}

/**
 * What the module exports as `http`, else the HTTP API of all tasks of the app. An address that cannot be had is a
 * failure, not wrong use: it may be free later.
 */
export async function startHttp(
  app: App,
  { host, port, hosts, metrics, fleet = false, app: module }: HttpCommandOptions,
  accessLog?: Logger,
): Promise<HttpServer> {
  const own = await ownHttp(module)
  if (own && !metrics) throw new ConfigError('--no-metrics: the module has its own http: set `metrics: false` there')
  const { createHttp } = await import('../http/api.ts')
  const api =
    own ??
    createHttp(app, { expose: [...app.tasks.values()], metrics, fleet: fleet && { open: true }, dashboard: fleet })
  return serveHttp(api, { host, port, hosts, accessLog })
}

/** Rejects with COMMAND_FAILED when it cannot listen there. */
export async function serveHttp(api: Hono, options: ServeOptions): Promise<HttpServer> {
  const { serve } = await import('../http/server/serve.ts')
  try {
    return await serve(api, options)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    throw new CeleriacError('COMMAND_FAILED', error.message, { cause: error })
  }
}

/**
 * The module's own application, if it has one: the export `http`. Rejects with ConfigError when it cannot be served.
 */
export async function ownHttp(module: string | undefined): Promise<Hono | undefined> {
  if (module === undefined) return undefined
  const { http } = (await import(moduleUrl(module))) as { http?: Partial<Hono> | null }
  if (http === undefined || typeof http?.fetch === 'function') return http as Hono | undefined
  throw new ConfigError(`${module}: http: expected a Hono app, or another object with fetch, got ${typeof http}`)
}
