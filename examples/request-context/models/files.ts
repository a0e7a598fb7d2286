import { randomUUID } from 'node:crypto'
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DATA } from '../config.ts'

/** `saved`: when, ms since 1970. */
type Saved<Kept> = Kept & { readonly saved: number }

/** Records of one kind, each a JSON file: an example needs no database. Written whole; the same id replaces. */
export class Files<Kept extends { readonly id: string }> {
  readonly #folder: string

  constructor(kind: string) {
    this.#folder = join(DATA, kind)
  }

  async save(one: Kept): Promise<void> {
    await mkdir(this.#folder, { recursive: true })
    const draft = join(this.#folder, `.${randomUUID()}`)
    // To the microsecond: several are saved in one millisecond.
    const saved = performance.timeOrigin + performance.now()
    await writeFile(draft, `${JSON.stringify({ ...one, saved }, null, 2)}\n`)
    await rename(draft, this.#path(one.id))
  }

  /** Undefined where there is none. */
  async find(id: string): Promise<Saved<Kept> | undefined> {
    try {
      return JSON.parse(await readFile(this.#path(id), 'utf8')) as Saved<Kept>
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw error
    }
  }

  /** All, in the order in which they were saved. */
  async all(): Promise<Saved<Kept>[]> {
    await mkdir(this.#folder, { recursive: true })
    const names = (await readdir(this.#folder)).filter((name) => !name.startsWith('.'))
    const found = await Promise.all(names.map((name) => this.find(name.slice(0, -'.json'.length))))
    return found.filter((one) => one !== undefined).sort((a, b) => a.saved - b.saved)
  }

  #path(id: string): string {
    if (!/^[\w-]{1,100}$/.test(id)) throw new RangeError(`expected an id of word characters, got ${JSON.stringify(id)}`)
    return join(this.#folder, `${id}.json`)
  }
}
