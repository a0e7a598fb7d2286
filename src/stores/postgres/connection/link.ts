import type { Client } from 'pg'
import { ConfigError, StoreUnavailableError } from '../../../std/errors.ts'
import { errorOf, isReadOnly } from './errors.ts'
import { Pipeline, Prepared, type Row, type Step } from './pipeline.ts'
import type { PostgresAddress } from './url.ts'

/** How a connection is opened. Times are ms. */
export interface LinkOptions {
  /** Shown by the server's `pg_stat_activity`. */
  readonly name: string
  /** The longest that opening may take. */
  readonly openTimeout: number
  /** After this time the server cancels a statement; a connection that is silent for longer is closed. */
  readonly statementTimeout: number
  /** How much later than that an answer may be before the connection counts as dead. Default 2 s. */
  readonly silence?: number
}

/** Default of `silence`; also how long the farewell to a server may take, ms. */
const SILENCE_MARGIN_MS = 2000

/**
 * Settings of our connections, whatever the role or the database has. Each statement looks up rows by an index, one
 * after the other; what the planner assumes of tables that were empty a moment ago must not lead it to read them whole.
 * A later statement of a transaction sees what others have committed meanwhile, and a backslash in our texts is one.
 */
const SETTINGS: Readonly<Record<string, string>> = {
  jit: 'off',
  enable_seqscan: 'off',
  enable_bitmapscan: 'off',
  enable_hashjoin: 'off',
  enable_mergejoin: 'off',
  plan_cache_mode: 'force_generic_plan',
  default_transaction_isolation: 'read committed',
  standard_conforming_strings: 'on',
  bytea_output: 'hex',
}

/** So that the server ends the transaction, and frees the locks, of a client that is cut off in the middle, s. */
const KEEPALIVES: Readonly<Record<string, string>> = {
  tcp_keepalives_idle: '30',
  tcp_keepalives_interval: '10',
  tcp_keepalives_count: '3',
}

/** One connection to a database. Statements run one after the other. */
export class Link {
  readonly #client: Client
  readonly #place: string
  readonly #textOf: (text: string) => string
  readonly #prepared: Prepared
  readonly #first: readonly Step[]
  readonly #limit: number
  #last: Promise<unknown> = Promise.resolve()
  #ended: Error | undefined
  /** Called once, when the connection has ended, whatever ended it. */
  onEnd: (error: Error) => void = () => undefined
  onNotification: (channel: string, payload: string) => void = () => undefined

  /** Rejects with ConfigError, StoreUnavailableError. */
  static async open(address: PostgresAddress, options: LinkOptions): Promise<Link> {
    const { Client } = await load()
    const client = new Client(optionsOf(address, options))
    const link = new Link(client, address, options)
    try {
      await client.connect()
    } catch (error) {
      link.end()
      throw errorOf(error, address.url)
    }
    if (link.#ended) throw link.#ended
    return link
  }

  private constructor(client: Client, address: PostgresAddress, options: LinkOptions) {
    this.#client = client
    this.#place = address.url
    this.#textOf = (text) => inSchema(text, address.schema)
    this.#prepared = new Prepared(this.#textOf, address.pooled)
    this.#first = address.pooled ? [settingsStep(options)] : []
    this.#limit = options.statementTimeout + (options.silence ?? SILENCE_MARGIN_MS)
    // Without a listener the error of an idle connection would end the process.
    client.on('error', (error) => this.#end(errorOf(error, this.#place)))
    client.on('end', () => this.#end(new StoreUnavailableError(`${this.#place}: the connection was closed`)))
    client.on('notification', ({ channel, payload = '' }) => this.onNotification(channel, payload))
  }

  /** Why it can be used no more. */
  get ended(): Error | undefined {
    return this.#ended
  }

  /**
   * All steps in one transaction and one round trip, after those of earlier calls. Rejects with the raw error of the
   * server or the connection.
   */
  run(steps: readonly Step[]): Promise<Row[][]> {
    const answers = this.#last.then(() => this.#run(steps))
    this.#last = answers.catch(() => undefined)
    return answers
  }

  async #run(steps: readonly Step[]): Promise<Row[][]> {
    if (this.#ended) throw this.#ended
    const pipeline = new Pipeline([...this.#first, ...steps], this.#prepared)
    const timer = setTimeout(() => {
      this.#destroy(new StoreUnavailableError(`${this.#place}: no answer for ${this.#limit} ms`))
    }, this.#limit)
    try {
      this.#client.query(pipeline as never)
      const answers = await pipeline.done
      return answers.slice(this.#first.length)
    } catch (error) {
      // After a failover another server may be found that takes writes.
      if (isReadOnly(error)) this.#destroy(errorOf(error, this.#place))
      // A connection that was ended here reports that its socket was closed.
      throw this.#ended ?? error
    } finally {
      clearTimeout(timer)
    }
  }

  /** Statements as text, without parameters. Rejects as `run`. */
  async execute(text: string): Promise<void> {
    if (this.#ended) throw this.#ended
    await this.#client.query(this.#textOf(text))
  }

  end(): void {
    this.#destroy(new StoreUnavailableError(`${this.#place}: the connection is closed`))
  }

  /** Says farewell to the server, so that it frees the connection at once; one that does not answer is cut off. */
  async close(): Promise<void> {
    if (this.#ended) return
    this.onEnd = () => undefined
    const cut = setTimeout(() => this.end(), SILENCE_MARGIN_MS)
    try {
      await this.#client.end()
    } catch {
      // It has ended in another way.
    } finally {
      clearTimeout(cut)
      this.end()
    }
  }

  #destroy(error: Error): void {
    this.#end(error)
    const { connection } = this.#client as unknown as { connection: { stream: { destroy(): void } } }
    connection.stream.destroy()
  }

  #end(error: Error): void {
    if (this.#ended) return
    this.#ended = error
    this.onEnd(error)
  }
}

async function load(): Promise<typeof import('pg')> {
  try {
    return (await import('pg')).default as unknown as typeof import('pg')
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    // If a package that pg needs is missing, that is another problem.
    if (code !== 'ERR_MODULE_NOT_FOUND' || !/['"]pg['"]/.test(message)) throw error
    throw new ConfigError('PostgreSQL: expected the package pg to be installed: npm install pg', { cause: error })
  }
}

function optionsOf(address: PostgresAddress, options: LinkOptions): ConstructorParameters<typeof Client>[0] {
  const { host, port, user, password, database, tls, pooled } = address
  const settings = Object.entries({ ...settingsOf(options), ...KEEPALIVES }).map(
    ([name, value]) => `-c ${name}=${value.replaceAll(' ', '\\ ')}`,
  )
  return {
    host,
    port,
    user,
    password,
    database,
    ssl: tls ?? false,
    application_name: options.name,
    keepAlive: true,
    keepAliveInitialDelayMillis: 30_000,
    connectionTimeoutMillis: options.openTimeout,
    // A pool of connections refuses settings that it does not know: there each transaction makes them.
    ...(!pooled && { options: settings.join(' ') }),
  }
}

function settingsOf({ statementTimeout }: LinkOptions): Readonly<Record<string, string>> {
  return { ...SETTINGS, statement_timeout: String(Math.ceil(statementTimeout)) }
}

/** The same settings for one transaction. */
function settingsStep(options: LinkOptions): Step {
  const entries = Object.entries(settingsOf(options))
  const calls = entries.map(([name, value]) => `set_config('${name}', '${value}', true)`)
  return { statement: { name: 'settings', text: `SELECT ${calls.join(', ')}` }, values: [] }
}

/** Our own texts name the schema only before a dot. */
export function inSchema(text: string, schema: string): string {
  return schema === 'celeriac' ? text : text.replaceAll('celeriac.', `${schema}.`)
}
