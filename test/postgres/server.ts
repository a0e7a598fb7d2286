import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Client } from 'pg'
import { writeCertificate } from '../certificate.ts'
import { guard } from '../redis/guard.ts'
import { untilWritten } from '../redis/launch.ts'
import { freePort } from '../redis/server.ts'
import { within } from '../wait.ts'
import { haltFamily, killFamily, resumeFamily } from './family.ts'
import { copyServer, findPrograms, give, makeData, type Programs, ROLE, runOptions, SUPERUSER } from './programs.ts'

/** Longest time of a statement of `sql`, and of a stop in order, ms. */
const LIMIT = 60_000

/** `fast`: sessions end, transactions are rolled back. `immediate`: without a checkpoint, so that it recovers at its start. */
export type Shutdown = 'fast' | 'immediate'

export interface PostgresServerOptions {
  /** Default: a free one. */
  readonly port?: number
  /** Of its configuration, as `{ max_connections: 20 }`. */
  readonly settings?: Readonly<Record<string, string | number>>
  /**
   * Wait for the disk at each commit (`fsync`, `full_page_writes`), as by its own default, so that times are true.
   * Default false: the end of its processes loses no commit, only the end of the machine does.
   */
  readonly durable?: boolean
  /** Of the role in its URLs; it is checked by SCRAM. Default: none is asked for. */
  readonly password?: string
  /** Take connections by TLS alone, with a certificate made for it (`certificate`). */
  readonly tls?: boolean
  /** Follow this server as a hot standby, which reads alone. */
  readonly replicaOf?: PostgresServer
}

/** A real PostgreSQL in a folder of its own; it ends with this process, however that ends. */
export class PostgresServer {
  readonly folder: string = mkdtempSync(join(tmpdir(), 'celeriac-postgres-'))
  readonly port: number
  readonly #programs: Programs
  readonly #options: PostgresServerOptions
  #process: ChildProcess | undefined
  #made = 0

  /** Resolves when it takes connections: some 200 ms. */
  static async start(options: PostgresServerOptions = {}): Promise<PostgresServer> {
    const programs = findPrograms()
    for (let attempt = 1; ; attempt++) {
      const server = new PostgresServer(options, programs, options.port ?? (await freePort()))
      try {
        await server.#prepare()
        await server.#launch()
        await server.#setPassword()
        return server
      } catch (error) {
        await server.stop()
        // Another process may have taken the port between our look and the server's.
        if (options.port !== undefined || attempt === 5) throw error
      }
    }
  }

  private constructor(options: PostgresServerOptions, programs: Programs, port: number) {
    this.#options = options
    this.#programs = programs
    this.port = port
  }

  /** Of the postmaster; 0 while it does not run. */
  get pid(): number {
    return this.#process?.pid ?? 0
  }

  /** Of PostgreSQL, as 15. */
  get version(): number {
    return this.#programs.version
  }

  /** Of `tls`: signed by itself, for 127.0.0.1 and localhost. */
  get certificate(): string {
    return join(this.folder, 'certificate.pem')
  }

  /** `postgres://celeriac@127.0.0.1:<port>/<database>`, with the password if there is one. The role is no superuser. */
  url(database = 'postgres'): string {
    const { password } = this.#options
    const login = password === undefined ? ROLE : `${ROLE}:${encodeURIComponent(password)}`
    return `postgres://${login}@127.0.0.1:${this.port}/${database}`
  }

  /** The URL of a new database, which the role of the URL owns: some 20 ms. */
  async empty(): Promise<string> {
    const name = `t${++this.#made}`
    // Copied as files: half the time of the default, which is to write the copy into the log.
    const strategy = this.version >= 15 ? 'STRATEGY file_copy' : ''
    await this.sql(`CREATE DATABASE ${name} OWNER ${ROLE} TEMPLATE template0 ${strategy}`)
    return this.url(name)
  }

  /** Drop the database of a URL of `empty`, and end its sessions. */
  async drop(url: string): Promise<void> {
    await this.sql(`DROP DATABASE ${new URL(url).pathname.slice(1)} WITH (FORCE)`)
  }

  /**
   * The rows of a statement, run as superuser, by a connection of its own to the server's socket file: no password, no
   * TLS, and connections that are kept for superusers.
   */
  async sql<Row extends object = Record<string, unknown>>(
    text: string,
    { database = 'postgres', values }: { database?: string; values?: readonly unknown[] } = {},
  ): Promise<Row[]> {
    const { default: pg } = await import('pg')
    const client: Client = new pg.Client({
      ...{ host: this.folder, port: this.port, user: SUPERUSER, database },
      ...{ connectionTimeoutMillis: LIMIT, query_timeout: LIMIT },
    })
    // A statement that is under way, if any, rejects with it too.
    client.on('error', () => undefined)
    try {
      await client.connect()
      const { rows } = await client.query<Row>(text, values && [...values])
      return rows
    } finally {
      await client.end().catch(() => undefined)
    }
  }

  /** End all sessions of a database but ours; how many. */
  async terminateAll(database: string): Promise<number> {
    const others = 'datname = $1 AND pid <> pg_backend_pid()'
    const text = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE ${others}`
    return (await this.sql(text, { values: [database] })).length
  }

  /** End all of its processes at once, as a power cut does. */
  async kill(): Promise<void> {
    const child = this.#process
    this.#process = undefined
    if (!isRunning(child)) return
    const ended = once(child, 'exit')
    await killFamily(child.pid)
    await ended
  }

  /** After `kill` or `halt`: start it again on the same port, with what its folder holds. */
  async start(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#launch()
        return
      } catch (error) {
        if (attempt === 5) throw error
        await new Promise((resolve) => setTimeout(resolve, 100))
      }
    }
  }

  /** End it in order. */
  async halt(mode: Shutdown = 'fast'): Promise<void> {
    const child = this.#process
    this.#process = undefined
    if (!isRunning(child)) return
    const ended = once(child, 'exit')
    child.kill(mode === 'fast' ? 'SIGINT' : 'SIGQUIT')
    await within(() => `PostgreSQL ends (${mode})`, ended, LIMIT)
  }

  /** End it in order and start it again on the same port. */
  async restart({ mode = 'fast' }: { mode?: Shutdown } = {}): Promise<void> {
    await this.halt(mode)
    await this.start()
  }

  /** Halt all of its processes without ending them: connections stay open and nothing answers, until `resume`. */
  async freeze(): Promise<void> {
    if (isRunning(this.#process)) await haltFamily(this.#process.pid)
  }

  resume(): void {
    if (isRunning(this.#process)) resumeFamily(this.#process.pid)
  }

  /** End it and remove its folder. */
  async stop(): Promise<void> {
    this.resume()
    // The postmaster awaits its children: after `kill` they would stay as zombies where process 1 awaits none.
    await this.halt('immediate')
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 })
  }

  get #data(): string {
    return join(this.folder, 'data')
  }

  get #key(): string {
    return join(this.folder, 'key.pem')
  }

  async #prepare(): Promise<void> {
    const { password, tls = false, replicaOf } = this.#options
    await give(this.folder)
    if (replicaOf) await copyServer(this.#programs, { folder: replicaOf.folder, port: replicaOf.port }, this.#data)
    else await makeData(this.#programs, this.#data)
    const method = password === undefined ? 'trust' : 'scram-sha-256'
    const rules = [
      'local all all trust',
      'local replication all trust',
      `${tls ? 'hostssl' : 'host'} all all 127.0.0.1/32 ${method}`,
    ]
    writeFileSync(join(this.#data, 'pg_hba.conf'), `${rules.join('\n')}\n`)
    if (!tls) return
    await writeCertificate({ key: this.#key, certificate: this.certificate })
    await give(this.#key)
  }

  async #setPassword(): Promise<void> {
    const { password, replicaOf } = this.#options
    if (password !== undefined && !replicaOf)
      await this.sql(`ALTER ROLE ${ROLE} PASSWORD '${password.replaceAll("'", "''")}'`)
  }

  async #launch(): Promise<void> {
    const settings = Object.entries(this.#settings()).flatMap(([name, value]) => ['-c', `${name}=${value}`])
    const child = spawn(join(this.#programs.folder, 'postgres'), ['-D', this.#data, ...settings], {
      ...runOptions(),
      cwd: this.folder,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    guard(child, { folder: this.folder, children: true })
    this.#process = child
    await untilWritten(child, 'ready to accept', 'postgres')
  }

  #settings(): Record<string, string | number> {
    const { durable = false, tls = false, settings } = this.#options
    return {
      port: this.port,
      listen_addresses: '127.0.0.1',
      unix_socket_directories: this.folder,
      password_encryption: 'scram-sha-256',
      // Failed statements are the callers' to report.
      log_min_messages: 'log',
      ...(durable ? {} : { fsync: 'off', full_page_writes: 'off' }),
      ...(tls ? { ssl: 'on', ssl_cert_file: this.certificate, ssl_key_file: this.#key } : {}),
      ...settings,
    }
  }
}

function isRunning(child: ChildProcess | undefined): child is ChildProcess & { readonly pid: number } {
  return child?.pid !== undefined && child.exitCode === null && child.signalCode === null
}
