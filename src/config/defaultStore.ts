import { existsSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { dirname, isAbsolute, join, resolve, sep } from 'node:path'
import { sqliteUrl } from '../stores/sqlite/url.ts'

/** Below the folder of the application. */
const DEFAULT_FILE = join('.celeriac', 'celeriac.db')
/** Options by which Node runs a text: the argument after it is no main file. */
const EVALUATING_OPTION = /^(?:-[a-z]*[ep]$|--eval\b|--print\b|-i$|--interactive$)/

/** What decides where the default store lies. */
export interface Surroundings {
  /** Where the application is, if that is known: the folder of the task module that a command was given. */
  readonly folder?: string | undefined
  /** The program's main file as Node was given it: `process.argv[1]`. */
  readonly main?: string | undefined
  readonly execArgv: readonly string[]
  readonly cwd: string
}

/** The store of an app that names no broker. */
export interface DefaultStore {
  readonly url: string
  /** What the user should know: it is not where the application's store would be made today. */
  readonly warning: string | undefined
}

/**
 * The default store belongs to the application, whatever the working directory is: it lies in the package of the task
 * module, else of the program's main file unless that is a tool in node_modules, else of the working directory. A store
 * that is in the working directory already is used on, with a warning.
 */
export function defaultStore({ folder: given, main, execArgv, cwd }: Surroundings): DefaultStore {
  const ran = execArgv.some((option) => EVALUATING_OPTION.test(option)) ? undefined : main
  const start = given === undefined ? (programFolder(ran) ?? cwd) : realPath(resolve(cwd, given))
  const folder = packageFolder(start) ?? cwd
  const own = join(folder, DEFAULT_FILE)
  const here = join(cwd, DEFAULT_FILE)
  if (own === here || !existsSync(here)) return { url: sqliteUrl(own), warning: undefined }
  const warning = `the store ${here} is used, as it is in the working directory; the application's own would be ${own}: move it there, or name it as broker`
  return { url: sqliteUrl(here), warning }
}

/**
 * The folder of the main file; undefined where there is none, or where it is a tool's: a test runner's, a framework's.
 */
function programFolder(main: string | undefined): string | undefined {
  if (main === undefined || !isAbsolute(main)) return undefined
  const real = realPath(main)
  if (isInstalled(main) || isInstalled(real)) return undefined
  // `node .` names a folder.
  return statSync(real, { throwIfNoEntry: false })?.isDirectory() ? real : dirname(real)
}

function isInstalled(path: string): boolean {
  return path.split(sep).includes('node_modules')
}

/** Node finds `main.js` where it is given `main`. */
function realPath(path: string): string {
  try {
    return realpathSync(path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EACCES') return path
    throw error
  }
}

/**
 * The folder of the nearest package.json, at or above a folder. Build tools write one without a name into their output,
 * which only says how the files there are read: without node_modules beside it, it counts where no other is found.
 */
function packageFolder(start: string): string | undefined {
  let output: string | undefined
  for (let folder = resolve(start); ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'package.json'))) {
      if (existsSync(join(folder, 'node_modules')) || hasName(join(folder, 'package.json'))) return folder
      output ??= folder
    }
    if (folder === dirname(folder)) return output
  }
}

function hasName(path: string): boolean {
  try {
    return typeof (JSON.parse(readFileSync(path, 'utf8')) as { name?: unknown } | null)?.name === 'string'
  } catch {
    // Damaged, or not ours to read: npm and Node will say so.
    return false
  }
}
