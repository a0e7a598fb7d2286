import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { ConfigError } from '../std/errors.ts'
import { redactUrl } from '../std/url.ts'
import { type App, isApp } from './app.ts'

/** Tried in this order after a path that names no file. */
const EXTENSIONS = ['', '.ts', '.mts', '.js', '.mjs']
/** Exports that are taken first, in this order. */
const NAMES = ['app', 'celeriac', 'default']

/**
 * Import a task module, by path (from the working directory; the extension may be left out) or file URL, and find its
 * app: the export that is named after a colon, as in `tasks:app`, else the export `app`, else `celeriac`, else the
 * default, else the only export that is an app. Rejects with ConfigError when there is no such file, or no app or
 * several in it; with the module's own error when it cannot be loaded.
 */
export async function loadApp(module: string): Promise<App> {
  const { url, name } = locate(module)
  const exports = (await import(url)) as Record<string, unknown>
  return name === undefined ? findApp(exports, module) : namedApp(exports, name, module)
}

/** The file URL of a task module. A query, as `?2`, stays. Throws ConfigError. */
export function moduleUrl(module: string): string {
  return locate(module).url
}

/**
 * The same with the name of the app, as it was given: for `loadApp` in another thread or process, whose working
 * directory may be different.
 */
export function moduleReference(module: string): string {
  const { url, name } = locate(module)
  return name === undefined ? url : `${url}:${name}`
}

/** The module and the name of its app. A file whose name has a colon comes first. */
function locate(module: string): { readonly url: string; readonly name: string | undefined } {
  const whole = find(module)
  if (whole !== undefined) return { url: whole, name: undefined }
  const [, file, name] = /^(.+):([A-Za-z_$][\w$]*)$/.exec(module) ?? []
  const url = file === undefined ? undefined : find(file)
  if (url !== undefined) return { url, name }
  const path = fileURLToPath(urlOf(file ?? module))
  throw new ConfigError(`task module: expected a .ts or .js file, got ${path}: no such file`)
}

function find(module: string): string | undefined {
  const given = urlOf(module)
  const path = fileURLToPath(given)
  const extension = EXTENSIONS.find((one) => statSync(path + one, { throwIfNoEntry: false })?.isFile())
  return extension === undefined ? undefined : pathToFileURL(path + extension).href + given.search
}

function urlOf(module: string): URL {
  return /^file:|:\/\//.test(module) ? parseUrl(module) : pathToFileURL(resolve(module))
}

function namedApp(exports: Record<string, unknown>, name: string, module: string): App {
  const value = exports[name]
  if (isApp(value)) return value
  const problem =
    name in exports ? 'another value' : `no such export among ${Object.keys(exports).join(', ') || 'nothing'}`
  throw new ConfigError(`task module ${module}: expected its export ${name} to be an app, got ${problem}`)
}

function parseUrl(text: string): URL {
  if (text.startsWith('file:') && URL.canParse(text) && new URL(text).host === '') return new URL(text)
  throw new ConfigError(`task module: expected a path or a file: URL, got ${redactUrl(text)}`)
}

function findApp(exports: Record<string, unknown>, module: string): App {
  for (const name of NAMES) {
    const value = exports[name]
    if (isApp(value)) return value
  }
  const found = Object.entries(exports).filter(([, value]) => isApp(value))
  const apps = new Set(found.map(([, value]) => value as App))
  for (const app of apps) if (apps.size === 1) return app
  const names = (apps.size === 0 ? Object.keys(exports) : found.map(([name]) => name)).join(', ') || 'nothing'
  const problem = apps.size === 0 ? `no app among its exports (${names})` : `several apps (${names})`
  throw new ConfigError(
    `task module ${module}: expected one app, as \`export const app = new Celeriac()\`, got ${problem}`,
  )
}
