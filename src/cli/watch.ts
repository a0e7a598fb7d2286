import { type FSWatcher, readdirSync, watch } from 'node:fs'
import { join } from 'node:path'

/**
 * Folders without code of the user's. Watching them would cost much, and the store in `.celeriac` changes all the time.
 */
export const IGNORED_FOLDERS: RegExp = /^(?:node_modules|\..*)$/
/** Only code counts: what a task writes beside it must not end that task. */
export const CODE_FILES: RegExp = /\.[cm]?[jt]s$/

/** Codes of the system's limits on watches: of this process or user, of the machine. */
const WATCH_LIMIT_CODES: ReadonlySet<string | undefined> = new Set(['EMFILE', 'ENFILE', 'ENOSPC', 'ENOSYS', 'EPERM'])

/** The system gives no watch on files now. */
export function isNoWatch(error: unknown): boolean {
  return WATCH_LIMIT_CODES.has((error as { code?: string } | null)?.code)
}

/**
 * Calls `changed` with the path, each time a code file below a folder is written, made or removed. Throws where the
 * system gives no watch (`isNoWatch`).
 */
export class CodeWatch {
  readonly #watchers = new Map<string, FSWatcher>()
  readonly #changed: (path: string) => void
  readonly #failed: (error: unknown) => void

  /** `failed`: a folder that was made later cannot be watched. */
  constructor(folder: string, changed: (path: string) => void, failed: (error: unknown) => void) {
    this.#changed = changed
    this.#failed = failed
    try {
      this.#add(folder)
    } catch (error) {
      this.close()
      throw error
    }
  }

  close(): void {
    for (const watcher of this.#watchers.values()) watcher.close()
    this.#watchers.clear()
  }

  /** One watcher for each folder: Node's own recursive watch would go through node_modules too. */
  #add(folder: string): void {
    if (this.#watchers.has(folder)) return
    const watcher = watch(folder, (_, name) => name !== null && this.#notice(join(folder, name), name))
    // A folder that was removed: the watch of its parent reports it.
    watcher.on('error', () => this.#remove(folder))
    this.#watchers.set(folder, watcher)
    for (const name of foldersIn(folder)) this.#add(join(folder, name))
  }

  #remove(folder: string): void {
    this.#watchers.get(folder)?.close()
    this.#watchers.delete(folder)
  }

  #notice(path: string, name: string): void {
    if (CODE_FILES.test(name)) this.#changed(path)
    else if (!IGNORED_FOLDERS.test(name)) this.#explore(path)
  }

  /** A folder that is new, or back: what is in it counts as changed. */
  #explore(path: string): void {
    const entries = entriesOf(path)
    if (!entries) {
      this.#remove(path)
      return
    }
    if (this.#watchers.has(path)) return
    try {
      this.#add(path)
    } catch (error) {
      this.#failed(error)
    }
    for (const { name } of entries) if (CODE_FILES.test(name)) this.#changed(join(path, name))
  }
}

function foldersIn(folder: string): string[] {
  const entries = entriesOf(folder) ?? []
  return entries.filter((entry) => entry.isDirectory() && !IGNORED_FOLDERS.test(entry.name)).map(({ name }) => name)
}

/** What is in a folder; undefined where there is none, or it is a file. */
function entriesOf(path: string): { name: string; isDirectory(): boolean }[] | undefined {
  try {
    return readdirSync(path, { withFileTypes: true })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EACCES') return undefined
    throw error
  }
}
