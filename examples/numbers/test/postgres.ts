import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { freePort } from '../../../test/redis/server.ts'

const MISSING = 'the tests need PostgreSQL 13 or newer; please run: sudo apt-get install -y postgresql'
/** Where Debian has its programs, by version. */
const VERSIONS = '/usr/lib/postgresql'
/** It refuses to run as root: then as nobody. */
const NOBODY = 65534

/** A real PostgreSQL server in a folder of its own; it ends with the test process. */
export class PostgresServer {
  readonly #folder: string
  readonly #process: ChildProcess
  readonly #port: number
  #made = 0

  /** Resolves when it takes connections: some three seconds. */
  static async start(): Promise<PostgresServer> {
    const bin = programs()
    const user = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {}
    const folder = mkdtempSync(join(tmpdir(), 'numbers-postgres-'))
    if (user.uid !== undefined) chownSync(folder, user.uid, user.gid)
    const data = join(folder, 'data')
    const options = { ...user, cwd: folder, env: { PATH: process.env.PATH, LC_ALL: 'C.UTF-8' } }
    const init = ['-D', data, '-U', 'numbers', '-A', 'trust', '-E', 'UTF8', '--no-sync']
    await promisify(execFile)(join(bin, 'initdb'), init, options)
    const port = await freePort()
    const flags = ['-D', data, '-p', String(port), '-h', '127.0.0.1', '-k', folder, '-F']
    const child = spawn(join(bin, 'postgres'), flags, { ...options, stdio: ['ignore', 'ignore', 'pipe'] })
    const server = new PostgresServer(folder, child, port)
    try {
      await server.#ready()
    } catch (error) {
      await server.stop()
      throw error
    }
    return server
  }

  private constructor(folder: string, child: ChildProcess, port: number) {
    this.#folder = folder
    this.#process = child
    this.#port = port
    const end = (): void => void child.kill('SIGQUIT')
    process.once('exit', end)
    child.once('exit', () => process.removeListener('exit', end))
  }

  /** The URL of a database that nobody has used. */
  async empty(): Promise<string> {
    const name = `t${++this.#made}`
    const { default: pg } = await import('pg')
    const client = new pg.Client({ connectionString: this.#url('postgres') })
    await client.connect()
    await client.query(`CREATE DATABASE ${name}`)
    await client.end()
    return this.#url(name)
  }

  async stop(): Promise<void> {
    const ended = this.#process.exitCode === null ? once(this.#process, 'exit') : undefined
    this.#process.kill('SIGQUIT')
    await ended
    rmSync(this.#folder, { recursive: true, force: true })
  }

  #url(name: string): string {
    return `postgres://numbers@127.0.0.1:${this.#port}/${name}`
  }

  #ready(): Promise<void> {
    let log = ''
    return new Promise((resolve, reject) => {
      this.#process.once('exit', (code) => reject(new Error(`postgres ended with ${code}: ${log}`)))
      this.#process.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
        log += chunk
        if (log.includes('ready to accept connections')) resolve()
      })
    })
  }
}

function programs(): string {
  const versions = existsSync(VERSIONS) ? readdirSync(VERSIONS).sort((a, b) => Number(b) - Number(a)) : []
  const found = versions.map((version) => join(VERSIONS, version, 'bin')).find((bin) => existsSync(join(bin, 'initdb')))
  if (found === undefined) throw new Error(MISSING)
  return found
}
