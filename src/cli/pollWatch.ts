import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { CODE_FILES, IGNORED_FOLDERS } from './watch.ts'

/** How often the folders are read, ms. */
const POLL_INTERVAL_MS = 1000

/**
 * As CodeWatch, without the kernel's help: for file systems that report no changes, as bind mounts and network drives.
 */
export class PollWatch {
  readonly #folder: string
  readonly #changed: (path: string) => void
  readonly #timer: NodeJS.Timeout
  /** Time of the last change and size, by path. */
  #known: ReadonlyMap<string, string>

  constructor(folder: string, changed: (path: string) => void, every: number = POLL_INTERVAL_MS) {
    this.#folder = folder
    this.#changed = changed
    this.#known = codeBelow(folder)
    this.#timer = setInterval(() => this.#look(), every)
  }

  close(): void {
    clearInterval(this.#timer)
  }

  #look(): void {
    const now = codeBelow(this.#folder)
    const before = this.#known
    this.#known = now
    for (const [path, mark] of now) if (before.get(path) !== mark) this.#changed(path)
    for (const path of before.keys()) if (!now.has(path)) this.#changed(path)
  }
}

/**
 * Every code file below a folder, with what changes when it is written. What cannot be read now is left out: the next
 * look may find it.
 */
function codeBelow(folder: string, found: Map<string, string> = new Map()): Map<string, string> {
  for (const entry of entriesOf(folder)) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) {
      if (!IGNORED_FOLDERS.test(entry.name)) codeBelow(path, found)
    } else if (CODE_FILES.test(entry.name)) {
      const stat = statSync(path, { throwIfNoEntry: false })
      if (stat) found.set(path, `${stat.mtimeMs} ${stat.size}`)
    }
  }
  return found
}

function entriesOf(folder: string): { name: string; isDirectory(): boolean }[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
  } catch {
    // Removed a moment ago, or not ours to read.
    return []
  }
}
