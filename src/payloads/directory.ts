import { randomBytes } from 'node:crypto'
import type { Dirent } from 'node:fs'
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { systemClock } from '../std/clock.ts'
import { ArgumentError, StoreUnavailableError } from '../std/errors.ts'
import { asError } from '../std/thrown.ts'
import { requireKey } from './payloadKey.ts'
import type { PayloadListing, PayloadRange, PayloadStore, StoredPayload } from './payloadStore.ts'

/** Files that a process which died has left half written are removed when they are this old, ms. */
const ABANDONED_MS = 24 * 3600 * 1000
const TEMPORARY = /^\.[\w-]+\.tmp$/

/**
 * A payload store in a folder, which all processes of the app must see: on one machine, or on a network file system.
 * Relative paths are relative to the working directory. The folder is made with the first payload, for this user alone.
 */
export function directoryPayloads(path: string): PayloadStore {
  if (typeof path !== 'string' || path === '' || path.includes('\0'))
    throw new ArgumentError(`directoryPayloads: expected the path of a folder, got ${JSON.stringify(path)}`)
  return new DirectoryStore(resolve(path))
}

class DirectoryStore implements PayloadStore {
  readonly url: string
  readonly #root: string

  constructor(root: string) {
    this.#root = root
    this.url = root
  }

  async put(key: string, body: Uint8Array | AsyncIterable<Uint8Array>): Promise<void> {
    const path = this.#path(key)
    const folder = dirname(path)
    await this.#attempt('write', async () => {
      await mkdir(folder, { recursive: true, mode: 0o700 })
      const temporary = join(folder, `.${randomBytes(12).toString('base64url')}.tmp`)
      try {
        await writeWhole(temporary, body)
        await rename(temporary, path)
      } catch (error) {
        await rm(temporary, { force: true })
        throw error
      }
      await syncFolder(folder)
    })
  }

  async get(key: string, range?: PayloadRange): Promise<StoredPayload | undefined> {
    const path = this.#path(key)
    return this.#attempt('read', async () => {
      const found = await stat(path).catch(ifThere)
      return found && { size: found.size, body: this.#bytesOf(path, range) }
    })
  }

  /** Opened when it is read: who does not read it has nothing to close. */
  async *#bytesOf(path: string, range: PayloadRange | undefined): AsyncGenerator<Uint8Array, void, void> {
    const file = await this.#attempt('read', () => open(path, 'r'))
    // The stream closes the file, when it ends, is left, or fails.
    yield* file.createReadStream({ ...range, highWaterMark: READ_BYTES })
  }

  async delete(keys: readonly string[]): Promise<void> {
    const paths = keys.map((key) => this.#path(key))
    await this.#attempt('delete', async () => {
      for (const path of paths) await rm(path, { force: true })
    })
  }

  async list({ prefix = '', after = '', limit }: PayloadListing): Promise<readonly string[]> {
    return this.#attempt('list', async () => {
      const keys: string[] = []
      await this.#collect('', { prefix, after, limit }, keys)
      return keys
    })
  }

  /** Adds the keys below a folder, in order. `at`: its own key with a `/` at its end. */
  async #collect(at: string, listing: Required<Listing>, keys: string[]): Promise<void> {
    const { prefix, after, limit } = listing
    for (const entry of await entriesOf(join(this.#root, at))) {
      if (keys.length >= limit) return
      const key = at + entry.name
      if (entry.isDirectory()) {
        const below = `${key}/`
        const isWanted = below.startsWith(prefix) || prefix.startsWith(below)
        // Of a folder that sorts before `after`, no key sorts behind it, unless `after` is in it.
        if (isWanted && (below > after || after.startsWith(below))) await this.#collect(below, listing, keys)
      } else if (TEMPORARY.test(entry.name)) await this.#dropAbandoned(join(this.#root, key))
      else if (key.startsWith(prefix) && key > after) keys.push(key)
    }
  }

  async #dropAbandoned(path: string): Promise<void> {
    const found = await stat(path).catch(ifThere)
    if (found && systemClock.now() - found.mtimeMs > ABANDONED_MS) await rm(path, { force: true })
  }

  #path(key: string): string {
    requireKey(key)
    return join(this.#root, key)
  }

  async #attempt<Result>(doing: string, run: () => Promise<Result>): Promise<Result> {
    try {
      return await run()
    } catch (thrown) {
      // Of the stream that is put.
      if (thrown instanceof ArgumentError) throw thrown
      const { message } = asError(thrown)
      throw new StoreUnavailableError(`payload store ${this.#root}: cannot ${doing}: ${message}`, { cause: thrown })
    }
  }
}

type Listing = { readonly [Name in keyof PayloadListing]-?: NonNullable<PayloadListing[Name]> }

/** Bytes that are read at once. */
const READ_BYTES = 256 * 1024

async function writeWhole(path: string, body: Uint8Array | AsyncIterable<Uint8Array>): Promise<void> {
  const file = await open(path, 'wx', 0o600)
  try {
    await file.writeFile(body)
    await file.sync()
  } finally {
    await file.close()
  }
}

/** Without this, a power cut may lose the name of a file that is complete. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

async function entriesOf(path: string): Promise<Dirent[]> {
  const entries = (await readFolder(path).catch(ifThere)) ?? []
  return entries.sort((one, other) => (nameOf(one) < nameOf(other) ? -1 : 1))
}

function readFolder(path: string): Promise<Dirent[]> {
  return readdir(path, { withFileTypes: true })
}

/** As it is in keys. */
function nameOf(entry: { readonly name: string; isDirectory(): boolean }): string {
  return entry.isDirectory() ? `${entry.name}/` : entry.name
}

/** Undefined for what is not there. */
function ifThere(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') throw error
}
