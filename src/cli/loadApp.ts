import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { App } from '../app/app.ts'
import type { CeleriacOptions } from '../config/config.ts'
import { ConfigError } from '../std/errors.ts'
import type { LogLevel } from '../std/log.ts'
import { codeOf } from '../std/thrown.ts'
import { oneLine } from './exit.ts'
import { commandLogger, type Readers } from './log.ts'

/** Options of every command that needs an app. */
export interface AppOptions {
  /** Path of the task module; without it a plain app on the same stores. */
  app?: string
  broker?: string
  resultBackend?: string
  loglevel: LogLevel
  /** Further options of the plain app. */
  plain?: Pick<CeleriacOptions, 'name' | 'recorder'>
}

/**
 * The app of a task module, on the stores and with the log that the command line asks for. Rejects with ConfigError.
 */
export async function openApp(options: AppOptions, readers: Readers = 'people at a terminal'): Promise<App> {
  const app = options.app === undefined ? await plainApp(options.plain) : await load(options.app)
  const settings = {
    // An empty environment variable is none.
    broker: options.broker || undefined,
    backend: options.resultBackend || undefined,
    logger: commandLogger(options.loglevel, readers),
  }
  // Without a module the store is that of the folder where the command is given, wherever the command itself is
  // installed.
  app.configure(settings, options.app === undefined ? process.cwd() : await folderOf(options.app))
  return app
}

/** Run with an app, and let its stores go afterwards: for commands whose whole output is for people. */
export async function withApp<Result>(options: AppOptions, use: (app: App) => Promise<Result>): Promise<Result> {
  const app = await openApp(options, 'people')
  try {
    return await use(app)
  } finally {
    await app.close()
  }
}

async function folderOf(module: string): Promise<string> {
  const { moduleUrl } = await import('../app/loadApp.ts')
  return dirname(fileURLToPath(moduleUrl(module)))
}

async function plainApp(options: AppOptions['plain']): Promise<App> {
  const [{ App }, { addWebhooks }] = await Promise.all([import('../app/app.ts'), import('../webhook/webhooks.ts')])
  const app = new App(options)
  // The end of a job that a command revokes is delivered too.
  addWebhooks(app)
  return app
}

async function load(module: string): Promise<App> {
  const { loadApp } = await import('../app/loadApp.ts')
  try {
    return await loadApp(module)
  } catch (error) {
    if (codeOf(error) === 'INVALID_CONFIG') throw error
    throw new ConfigError(`${module} cannot be loaded: ${reasonOf(error)}`, { cause: error })
  }
}

/** What a module threw while it was loaded, and where. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const text = oneLine(`${error.name}: ${error.message}`)
  if (/import statement outside a module|Unexpected token 'export'/.test(text)) {
    return `${text}; set "type": "module" in package.json, or name the file .mts or .mjs`
  }
  const place = /(?<![^/\\\s])([^/\\\s]+\.[cm]?[jt]s:\d+(?::\d+)?)/.exec(error.stack ?? '')?.[1]
  return place === undefined ? text : `${text} (${place})`
}
