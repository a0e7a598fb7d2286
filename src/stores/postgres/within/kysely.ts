import { ArgumentError } from '../../../std/errors.ts'
import { rowsOf, type TransactionClient } from './transactionClient.ts'

interface Kysely {
  readonly isTransaction: boolean
  executeQuery(query: object): Promise<unknown>
}

/** A transaction of Kysely; undefined for anything else. */
export function kyselyTransaction(client: object): TransactionClient | undefined {
  const { isTransaction, executeQuery } = client as Partial<Kysely>
  if (typeof isTransaction !== 'boolean' || typeof executeQuery !== 'function') return undefined
  if (!isTransaction)
    throw new ArgumentError(
      'within: expected a client with an open transaction, got a Kysely without one: give it the trx that `db.transaction().execute(async (trx) => …)` passes on',
    )
  return {
    connection: client,
    run: async (text, values) => rowsOf(await (client as Kysely).executeQuery(compiled(text, values))),
  }
}

/** What Kysely's `CompiledQuery.raw` makes. */
function compiled(sql: string, values: readonly (string | null)[]): object {
  const query = { kind: 'RawNode', sqlFragments: [sql], parameters: [] }
  return { sql, parameters: [...values], query, queryId: { queryId: crypto.randomUUID() } }
}
