import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { chown } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const MISSING = 'the tests need PostgreSQL 13 or newer; please run: sudo apt-get install -y postgresql'
const OLDEST = 13

/** Where Debian has its programs, by version. */
const VERSIONS = '/usr/lib/postgresql'

/** PostgreSQL refuses to run as root: then as the user nobody. */
const NOBODY = 65534

/** Folders with the files of a new server, by version and user: initdb takes half a second, a copy 50 ms. */
const CACHE = fileURLToPath(new URL('../../node_modules/.cache/postgres/', import.meta.url))

export const SUPERUSER = 'postgres'
/** Whom the tests log in as: without any privilege, but for the databases that it owns. */
export const ROLE = 'celeriac'

export interface Programs {
  readonly version: number
  readonly folder: string
}

/** The newest version that is installed. */
export function findPrograms(): Programs {
  const versions = existsSync(VERSIONS) ? readdirSync(VERSIONS).map(Number) : []
  const found = versions
    .filter((version) => version >= OLDEST)
    .sort((a, b) => b - a)
    .map((version) => ({ version, folder: join(VERSIONS, String(version), 'bin') }))
    .find(({ folder }) => existsSync(join(folder, 'initdb')) && existsSync(join(folder, 'postgres')))
  if (!found) throw new Error(MISSING)
  return found
}

/** How its programs are run. */
export function runOptions(): { env: NodeJS.ProcessEnv; uid?: number; gid?: number } {
  const env = { PATH: process.env.PATH, LC_ALL: 'C.UTF-8' }
  return process.getuid?.() === 0 ? { env, uid: NOBODY, gid: NOBODY } : { env }
}

/** Give a file or folder to the user that the programs run as. */
export async function give(path: string): Promise<void> {
  const { uid, gid } = runOptions()
  if (uid !== undefined && gid !== undefined) await chown(path, uid, gid)
}

/** Make the data folder of a new server, which has the two roles above. */
export async function makeData(programs: Programs, data: string): Promise<void> {
  const model = join(CACHE, `${programs.version}-${runOptions().uid ?? 'own'}`)
  if (!existsSync(model)) await makeModel(programs, model)
  await copy(model, data)
}

/** Make the data folder of a hot standby of the server that has its socket file in this folder. */
export async function copyServer(
  programs: Programs,
  { folder, port }: { folder: string; port: number },
  data: string,
): Promise<void> {
  const from = ['-h', folder, '-p', String(port), '-U', SUPERUSER, '-c', 'fast', '--no-sync']
  const args = [...from, '-D', data, '--write-recovery-conf']
  await promisify(execFile)(join(programs.folder, 'pg_basebackup'), args, runOptions())
}

/** Whoever makes it at the same time: the first one stays. */
async function makeModel(programs: Programs, model: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'celeriac-initdb-'))
  mkdirSync(CACHE, { recursive: true })
  const beside = mkdtempSync(join(CACHE, 'new-'))
  try {
    await give(folder)
    const data = join(folder, 'data')
    const options = { ...runOptions(), cwd: folder }
    const init = ['-D', data, '-U', SUPERUSER, '-A', 'trust', '-E', 'UTF8', '--no-sync']
    await promisify(execFile)(join(programs.folder, 'initdb'), init, options)
    const single = spawn(join(programs.folder, 'postgres'), ['--single', '-F', '-D', data, 'postgres'], {
      ...options,
      stdio: ['pipe', 'ignore', 'ignore'],
    })
    single.stdin.end(`CREATE ROLE ${ROLE} LOGIN\n`)
    await succeeds(single, 'postgres --single')
    await copy(data, join(beside, 'data'))
    if (!existsSync(model)) renameSync(join(beside, 'data'), model)
  } catch (error) {
    if (!existsSync(model)) throw error
  } finally {
    for (const path of [folder, beside]) rmSync(path, { recursive: true, force: true })
  }
}

/** With owners and modes. */
async function copy(from: string, to: string): Promise<void> {
  await promisify(execFile)('cp', ['-a', from, to])
}

async function succeeds(child: ChildProcess, name: string): Promise<void> {
  const [code, signal] = await once(child, 'exit')
  if (code !== 0) throw new Error(`${name} ended (${signal ?? code})`)
}
