import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Client } from 'pg'
import { freePort } from '../../test/redis/server.ts'
import { cpuOf } from '../harness/processes.ts'
import type { Figures } from '../harness/scenario.ts'
import type { Address, Store } from './store.ts'

/** Where Debian has the programs of version 15, and its modules. */
const DEBIAN = '/usr/lib/postgresql/15'
/** It refuses to run as root: then as nobody. */
const NOBODY = 65534
/** Owns the databases of the runs: its statements are counted, those of the bench itself, by `postgres`, are not. */
const USER = 'bench'
const SCHEMAS = "('pg_catalog', 'pg_toast', 'information_schema')"

/** What a table and its partitions, with their indexes, take on disk, bytes. */
export type TableSizes = ReadonlyMap<string, number>

/** A PostgreSQL 15 of our own with its defaults, fsync and synchronous_commit included; a database for each run. */
export class PostgresStore implements Store {
  readonly version: string
  readonly #folder: string
  readonly #server: ChildProcess
  readonly #port: number
  /** Of the superuser, on the database `postgres`. */
  readonly #admin: Client
  /** Of the superuser, on the database of the run. */
  #client: Client | undefined
  #runs = 0

  private constructor(folder: string, server: ChildProcess, port: number, admin: Client, version: string) {
    this.#folder = folder
    this.#server = server
    this.#port = port
    this.#admin = admin
    this.version = version
    // A bench that is interrupted leaves no server.
    process.once('exit', () => server.kill('SIGQUIT'))
  }

  static async start(): Promise<PostgresStore> {
    const bin = join(DEBIAN, 'bin')
    if (!existsSync(join(bin, 'initdb'))) throw new Error('something is missing: apt-get install postgresql-15')
    const user = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {}
    const folder = mkdtempSync(join(tmpdir(), 'celeriac-bench-postgres-'))
    if (user.uid !== undefined) chownSync(folder, user.uid, user.gid)
    const data = join(folder, 'data')
    const options = { ...user, cwd: folder, env: { PATH: process.env.PATH, LC_ALL: 'C.UTF-8' } }
    await promisify(execFile)(join(bin, 'initdb'), ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8'], options)
    const port = await freePort()
    const counts = existsSync(join(DEBIAN, 'lib/pg_stat_statements.so'))
    const flags = ['-D', data, '-p', String(port), '-h', '127.0.0.1', '-k', folder]
    if (counts) flags.push('-c', 'shared_preload_libraries=pg_stat_statements')
    const server = spawn(join(bin, 'postgres'), flags, { ...options, stdio: ['ignore', 'ignore', 'pipe'] })
    try {
      await ready(server)
    } catch (error) {
      server.kill('SIGQUIT')
      rmSync(folder, { recursive: true, force: true })
      throw error
    }
    const admin = await connect(port, 'postgres')
    await admin.query(`CREATE ROLE ${USER} LOGIN`)
    if (counts) await admin.query('CREATE EXTENSION pg_stat_statements')
    const { rows } = await admin.query('SHOW server_version')
    return new PostgresStore(folder, server, port, admin, `PostgreSQL ${String(rows[0].server_version).split(' ')[0]}`)
  }

  async empty(): Promise<Address> {
    await this.#client?.end()
    await this.#admin.query(`DROP DATABASE IF EXISTS ${this.#database} WITH (FORCE)`)
    this.#runs++
    await this.#admin.query(`CREATE DATABASE ${this.#database} OWNER ${USER}`)
    // Each run begins at the same distance from the next checkpoint.
    await this.#admin.query('CHECKPOINT')
    this.#client = await connect(this.#port, this.#database)
    const url = `postgres://${USER}@127.0.0.1:${this.#port}/${this.#database}`
    return { url, backend: url }
  }

  /** Of the server with all its backends and workers, those that have ended included. */
  async cpu(): Promise<number> {
    return cpuOf(this.#server.pid as number)
  }

  /** Statements of the run (transactions, where the server does not count statements), and what was written to the log. */
  async counters(): Promise<Figures> {
    const { rows } = await this.#admin.query(
      `SELECT ${await this.#operations()} AS operations, pg_current_wal_insert_lsn() - '0/0' AS bytes`,
      [this.#database],
    )
    return { operations: Number(rows[0].operations), 'WAL bytes': Number(rows[0].bytes) }
  }

  async rows(table: string, where = 'TRUE'): Promise<number> {
    const { rows } = await this.#run.query(`SELECT count(*) AS n FROM ${table} WHERE ${where}`)
    return Number(rows[0].n)
  }

  /** The sizes of the tables of the run. */
  async sizes(): Promise<TableSizes> {
    const { rows } = await this.#run.query<{ name: string; bytes: string }>(
      `SELECT coalesce(pg_partition_root(oid), oid)::regclass::text AS name, sum(pg_total_relation_size(oid)) AS bytes
       FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace::regnamespace::text NOT IN ${SCHEMAS} GROUP BY 1`,
    )
    return new Map(rows.map(({ name, bytes }) => [name, Number(bytes)]))
  }

  /** Rows that are dead and not yet removed, as the server estimates them. */
  async deadRows(): Promise<number> {
    const { rows } = await this.#run.query('SELECT coalesce(sum(n_dead_tup), 0) AS n FROM pg_stat_user_tables')
    return Number(rows[0].n)
  }

  /** Another session opens a transaction, reads, and is idle until the answer is called: no dead row can be removed. */
  async holdXmin(): Promise<() => Promise<void>> {
    const stranger = await connect(this.#port, this.#database)
    await stranger.query('BEGIN ISOLATION LEVEL REPEATABLE READ')
    await stranger.query('SELECT count(*) FROM pg_class')
    const { rows } = await this.#admin.query(
      "SELECT count(*) AS n FROM pg_stat_activity WHERE state = 'idle in transaction' AND backend_xmin IS NOT NULL",
    )
    if (Number(rows[0].n) === 0) throw new Error('expected a transaction that holds xmin, got none')
    return async () => {
      await stranger.query('COMMIT')
      await stranger.end()
    }
  }

  async stop(): Promise<void> {
    await this.#client?.end()
    await this.#admin.end()
    const ended = this.#server.exitCode === null ? once(this.#server, 'exit') : undefined
    this.#server.kill('SIGQUIT')
    await ended
    rmSync(this.#folder, { recursive: true, force: true })
  }

  get #database(): string {
    return `bench_${this.#runs}`
  }

  get #run(): Client {
    if (!this.#client) throw new Error('expected a database, as empty() makes it')
    return this.#client
  }

  async #operations(): Promise<string> {
    const { rows } = await this.#admin.query("SELECT 1 FROM pg_extension WHERE extname = 'pg_stat_statements'")
    return rows.length === 0
      ? '(SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = $1)'
      : `(SELECT coalesce(sum(calls), 0) FROM pg_stat_statements
          WHERE userid = '${USER}'::regrole AND dbid = (SELECT oid FROM pg_database WHERE datname = $1))`
  }
}

async function connect(port: number, database: string): Promise<Client> {
  const client = new Client({ host: '127.0.0.1', port, database, user: 'postgres' })
  await client.connect()
  return client
}

/** Resolves when the server takes connections. Rejects with what it wrote when it ends before. */
function ready(server: ChildProcess): Promise<void> {
  let log = ''
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.once('exit', (code) => reject(new Error(`postgres ended with ${code}: ${log}`)))
    server.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
      log = (log + chunk).slice(-4096)
      if (log.includes('ready to accept connections')) resolve()
    })
  })
}
