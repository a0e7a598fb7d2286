import { ArgumentError } from '../../../std/errors.ts'
import type { Database } from '../connection/database.ts'
import { inSchema } from '../connection/link.ts'
import type { Row, Step, Value } from '../connection/pipeline.ts'
import { Plan } from '../connection/plan.ts'
import { REFUSED } from '../gate.ts'
import { clientErrorOf, clientSqlState } from './clientError.ts'
import { transactionClientOf } from './recognize.ts'
import type { TransactionClient } from './transactionClient.ts'

/** A server since its start, one of its databases, and the table there: the same for all connections to a schema. */
const PLACE = `concat_ws('/', extract(epoch FROM pg_postmaster_start_time())::text,
  (SELECT oid FROM pg_database WHERE datname = current_database())::text, to_regclass('celeriac.meta')::oid::text)`

const OWN_PLACE: Step = { statement: { name: 'place', text: `SELECT ${PLACE}` }, values: [] }

/** Also marks the transaction, which has the mark until its end. */
const BEGIN = `SELECT ${PLACE} AS place,
  coalesce(nullif(current_setting('celeriac.within', true), ''), set_config('celeriac.within', $1::text, true)) AS mark`

/** The mark of the transaction. Gates of an earlier plan are closed. */
const CHECK = "SELECT current_setting('celeriac.within', true) AS mark, set_config('celeriac.gate', '', true) AS gate"

const SAVEPOINT = 'celeriac_submit'

/** The last work on a connection: plans must not mix, as the gates of one would be open for the other. */
const LAST = new WeakMap<object, Promise<unknown>>()

/** What puts a plan together; returns what reads its answers. */
type Planner<Value> = (plan: Plan) => () => Value

/** Runs plans in the transaction that is open on a client of the caller. It neither commits nor undoes that. */
export class ClientTransaction {
  readonly #client: TransactionClient
  readonly #database: Database
  readonly #mark: string
  /** After its first error the server takes nothing more. */
  #failed: Error | undefined

  private constructor(client: TransactionClient, database: Database, mark: string) {
    this.#client = client
    this.#database = database
    this.#mark = mark
  }

  /** Rejects as `UnitOfWork.within`. */
  static async of(given: object, database: Database): Promise<ClientTransaction> {
    const client = transactionClientOf(given)
    const known = PLACES.get(database)
    const place = known ?? (await askPlace(database))
    const [found, mark] = await new ClientTransaction(client, database, '').#begin()
    // Asked again after a restart of the server.
    if (found !== place && (known === undefined || found !== (await askPlace(database))))
      throw new ArgumentError(
        `within: expected a client of the database ${database.url}, got one of another server, database or schema`,
      )
    const transaction = new ClientTransaction(client, database, mark as string)
    await transaction.#inTurn(() => transaction.#check())
    return transaction
  }

  /**
   * Put a plan together and run it. `attempts`: it may be refused, then it alone is undone and put together again, so
   * often; undefined if it was refused each time. Rejects with CeleriacError; what putting it together throws leaves
   * the transaction as it was.
   */
  run<Value>(add: Planner<Value>, attempts?: number): Promise<Value | undefined> {
    return this.#inTurn(async () => {
      if (this.#failed) throw this.#failed
      await this.#check()
      if (attempts === undefined) return this.#attempt(add, this.#client)
      for (let attempt = 0; attempt < attempts; attempt++) {
        const done = await this.#attemptAlone(add)
        if (done) return done.value
      }
      return undefined
    })
  }

  async #attempt<Value>(add: Planner<Value>, client: TransactionClient): Promise<Value> {
    const plan = new Plan()
    const read = add(plan)
    await plan.run({ run: (steps) => this.#runSteps(steps, client) })
    return read()
  }

  /** In a savepoint. Undefined where it was refused. */
  async #attemptAlone<Value>(add: Planner<Value>): Promise<{ readonly value: Value } | undefined> {
    try {
      const value = await this.#inSavepoint((client) => this.#attempt(add, client))
      return { value }
    } catch (error) {
      if (!(error instanceof Refused)) throw error
      return undefined
    }
  }

  #inSavepoint<Value>(work: (client: TransactionClient) => Promise<Value>): Promise<Value> {
    const client = this.#client
    return client.savepoint ? client.savepoint(work) : inSavepoint(work, client, (text) => this.#execute(client, text))
  }

  async #runSteps(steps: readonly Step[], client: TransactionClient): Promise<Row[][]> {
    const answers: Row[][] = []
    for (const { statement, values } of steps)
      answers.push(await this.#execute(client, statement.text, values.map(textOf)))
    return answers
  }

  async #begin(): Promise<Row> {
    const [row = []] = await this.#inTurn(() => this.#execute(this.#client, BEGIN, [crypto.randomUUID()]))
    return row
  }

  /** Throws ArgumentError where the transaction is not that of the beginning. */
  async #check(): Promise<void> {
    const [[mark] = []] = await this.#execute(this.#client, CHECK)
    if (mark !== this.#mark)
      throw new ArgumentError(
        'within: expected a client on which a transaction is open until the function ends, got one without: begin before, and commit after it',
      )
  }

  async #execute(client: TransactionClient, text: string, values: readonly (string | null)[] = []): Promise<Row[]> {
    try {
      return (await client.run(textFor(text, this.#database.schema), values)).map(rowOf)
    } catch (error) {
      if (clientSqlState(error) === REFUSED) throw new Refused(clientErrorOf(error, this.#database.url))
      this.#failed ??= clientErrorOf(error, this.#database.url)
      throw this.#failed
    }
  }

  #inTurn<Value>(work: () => Promise<Value>): Promise<Value> {
    const { connection } = this.#client
    const turn = (LAST.get(connection) ?? Promise.resolve()).then(work)
    LAST.set(
      connection,
      turn.catch(() => undefined),
    )
    return turn
  }
}

/** The place of each database, as its own connections have it. */
const PLACES = new WeakMap<Database, string>()

async function askPlace(database: Database): Promise<string | undefined> {
  const [[[place] = []] = []] = await database.run([OWN_PLACE], { repeatable: true })
  if (typeof place === 'string') PLACES.set(database, place)
  return place ?? undefined
}

/** A condition of the plan does not hold. */
class Refused extends Error {
  constructor(cause: Error) {
    super(cause.message, { cause })
  }
}

async function inSavepoint<Value>(
  work: (client: TransactionClient) => Promise<Value>,
  client: TransactionClient,
  execute: (text: string) => Promise<unknown>,
): Promise<Value> {
  await execute(`SAVEPOINT ${SAVEPOINT}`)
  try {
    const value = await work(client)
    await execute(`RELEASE SAVEPOINT ${SAVEPOINT}`)
    return value
  } catch (error) {
    await execute(`ROLLBACK TO SAVEPOINT ${SAVEPOINT}`)
    await execute(`RELEASE SAVEPOINT ${SAVEPOINT}`)
    throw error
  }
}

/** Texts by their statements' own: of one schema in nearly all processes. */
const TEXTS = new Map<string, string>()

/** Every parameter is a text: a library that writes one as the type that the server expects would change it. */
function textFor(text: string, schema: string): string {
  const key = `${schema} ${text}`
  const known = TEXTS.get(key)
  if (known !== undefined) return known
  const made = inSchema(text, schema).replaceAll(/(\$\d+)::/g, '$1::text::')
  TEXTS.set(key, made)
  return made
}

function textOf(value: Value): string | null {
  if (value === null || typeof value !== 'object') return value === null ? null : String(value)
  return `\\x${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex')}`
}

function rowOf(row: unknown): Row {
  const columns = Array.isArray(row) ? row : Object.values(row as object)
  return columns.map((value) => (value === null || value === undefined ? null : String(value)))
}
