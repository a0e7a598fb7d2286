import { randomUUID } from 'node:crypto'
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DATA } from '../config.ts'

/** Records of one kind, each a JSON file: an example needs no database. Written whole; the same id replaces. */
export class Files<Kept extends { readonly id: string }> {
  readonly #folder: string

  constructor(kind: string) {
    this.#folder = join(DATA, kind)
  }

  async save(one: Kept): Promise<void> {
    await mkdir(this.#folder, { recursive: true })
    const draft = join(this.#folder, `.${randomUUID()}`)
    await writeFile(draft, `${JSON.stringify(one, null, 2)}\n`)
    await rename(draft, this.#path(one.id))
  }

  /** Undefined where there is none. */
  async find(id: string): Promise<Kept | undefined> {
    try {
      return JSON.parse(await readFile(this.#path(id), 'utf8')) as Kept
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw error
    }
  }

  /** All, by their ids. */
  async all(): Promise<Kept[]> {
    await mkdir(this.#folder, { recursive: true })
    const names = (await readdir(this.#folder)).filter((name) => !name.startsWith('.')).sort()
    const found = await Promise.all(names.map((name) => this.find(name.slice(0, -'.json'.length))))
    return found.filter((one) => one !== undefined)
  }

  #path(id: string): string {
    if (!/^[\w-]{1,100}$/.test(id)) throw new RangeError(`expected an id of word characters, got ${JSON.stringify(id)}`)
    return join(this.#folder, `${id}.json`)
  }
}
