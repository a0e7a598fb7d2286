import { mkdirSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { output } from './command.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
/** Packing builds first. */
const LIMIT_MS = 240_000

/** Puts the package into a folder, as `npm publish` would send it; the name of its tarball. */
export async function pack(folder: string): Promise<string> {
  using _lock = await packLock()
  await output('npm', ['pack', '--pack-destination', folder], { cwd: root, limit: LIMIT_MS })
  const tarball = (await readdir(folder)).find((name) => name.endsWith('.tgz'))
  if (tarball === undefined) throw new Error(`npm pack: expected a tarball in ${folder}`)
  return tarball
}

/** Packing replaces `dist/`, so two test files must not do it at once. SQLite's lock ends with the process that holds it. */
async function packLock(): Promise<Disposable> {
  const folder = join(root, 'node_modules', '.cache')
  mkdirSync(folder, { recursive: true })
  const database = new DatabaseSync(join(folder, 'pack.lock'), { timeout: 0 })
  const end = performance.now() + 2 * LIMIT_MS
  for (;;) {
    try {
      database.exec('BEGIN EXCLUSIVE')
      return { [Symbol.dispose]: () => database.close() }
    } catch (error) {
      if (performance.now() > end) throw new Error(`pack.lock: not free within ${2 * LIMIT_MS} ms`, { cause: error })
    }
    await setTimeout(200)
  }
}
