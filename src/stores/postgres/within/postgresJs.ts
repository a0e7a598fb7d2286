import { ArgumentError } from '../../../std/errors.ts'
import type { TransactionClient } from './transactionClient.ts'

interface Sql {
  unsafe(text: string, values: (string | null)[], options: { prepare: boolean }): Promise<readonly unknown[]>
  savepoint?(work: (sql: Sql) => Promise<unknown>): Promise<unknown>
}

/** The `sql` of a transaction of postgres.js, or of a reserved connection; undefined for anything else. */
export function postgresJsTransaction(client: object): TransactionClient | undefined {
  const { unsafe, savepoint, release } = client as Record<string, unknown>
  if (typeof client !== 'function' || typeof unsafe !== 'function') return undefined
  if (typeof savepoint !== 'function' && typeof release !== 'function')
    throw new ArgumentError(
      'within: expected a client with an open transaction, got the sql of postgres.js, which is a pool: give it the one that `sql.begin(async (sql) => …)` passes on',
    )
  return around(client as unknown as Sql, client)
}

function around(sql: Sql, connection: object): TransactionClient {
  const own: TransactionClient = {
    connection,
    // An option of the connection can still say that nothing is prepared.
    run: (text, values) => sql.unsafe(text, [...values], { prepare: true }),
  }
  if (!sql.savepoint) return own
  // A statement that fails outside of its own savepoints makes it undo the whole transaction.
  const savepoint = <Value>(work: (client: TransactionClient) => Promise<Value>): Promise<Value> =>
    (sql.savepoint as NonNullable<Sql['savepoint']>)((inner) => work(around(inner, connection))) as Promise<Value>
  return { ...own, savepoint }
}
