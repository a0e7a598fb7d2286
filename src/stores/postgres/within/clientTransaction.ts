import { ArgumentError } from '../../../std/errors.ts'
import type { Database } from '../connection/database.ts'
import type { Row, Step, Value } from '../connection/pipeline.ts'
import { Plan } from '../connection/plan.ts'
import { REFUSED } from '../gate.ts'
import { clientErrorOf, clientSqlState } from './clientError.ts'
import { transactionClientOf } from './recognize.ts'
import type { TransactionClient } from './transactionClient.ts'

/** A server since its start, one of its databases, and the table there: the same for all connections to a schema. */
const PLACE = `concat_ws('/', extract(epoch FROM pg_postmaster_start_time())::text,
  (SELECT oid FROM pg_database WHERE datname = current_database())::text, to_regclass('celeriac.meta')::oid::text)`

/** Also marks the transaction, which has the mark until its end. */
const BEGIN = `SELECT ${PLACE} AS place,
  coalesce(nullif(current_setting('celeriac.within', true), ''), set_config('celeriac.within', $1::text, true)) AS mark`

/** The mark of the transaction. Gates of an earlier plan are closed. */
const CHECK = "SELECT current_setting('celeriac.within', true) AS mark, set_config('celeriac.gate', '', true) AS gate"

const SAVEPOINT = 'celeriac_submit'

/** How often a plan is put together again whose condition another transaction has changed meanwhile. */
const MAX_REFUSALS = 5

/** The last work on a connection of the caller: plans must not mix, as the gates of one would be open for the other. */
const LAST = new WeakMap<object, Promise<unknown>>()

/** Plans in a transaction of the caller, on the client of the caller. It neither commits nor undoes the transaction. */
export class ClientTransaction {
  readonly #client: TransactionClient
  readonly #database: Database
  readonly #mark: string
  /** After the first error the server takes nothing more. */
  #failed: Error | undefined

  private constructor(client: TransactionClient, database: Database, mark: string) {
    this.#client = client
    this.#database = database
    this.#mark = mark
  }

  /** Rejects as `UnitOfWork.within`. */
  static async of(given: object, database: Database): Promise<ClientTransaction> {
    const client = transactionClientOf(given)
    const [own = []] = (await database.run([{ statement: { name: 'place', text: `SELECT ${PLACE}` }, values: [] }]))[0] ?? []
    const start = new ClientTransaction(client, database, crypto.randomUUID())
    return start.#inTurn(async () => {
      const [place, mark] = (await start.#execute(client, BEGIN, [start.#mark]))[0] ?? []
      if (place !== own)
        throw new ArgumentError(
          `within: expected a client of the broker's database, ${database.url}, got one of another database or server`,
        )
      const transaction = new ClientTransaction(client, database, mark as string)
      await transaction.#check(client)
      return transaction
    })
  }

  /**
   * Put a plan together and run it; `isConditional`: it may be refused, and then only it is undone. Undefined where it
   * was refused again and again. Rejects with CeleriacError; what putting it together throws leaves the transaction as
   * it was.
   */
  run<Value>(add: (plan: Plan) => () => Value, isConditional: boolean): Promise<Value> {
    return this.#inTurn(async () => {
      if (this.#failed) throw this.#failed
      await this.#check(this.#client)
      for (let refusals = 0; ; refusals++) {
        const plan = new Plan()
        const read = add(plan)
        try {
          if (isConditional) await this.#inSavepoint((client) => this.#runPlan(plan, client))
          else await this.#runPlan(plan, this.#client)
          return read()
        } catch (error) {
          if (clientSqlState(error) === REFUSED && refusals < MAX_REFUSALS) continue
          throw this.#fail(error)
        }
      }
    })
  }

  #fail(error: unknown): Error {
    this.#failed ??= clientErrorOf(error, this.#database.url)
    return this.#failed
  }
}
