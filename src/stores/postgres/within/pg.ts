import { ArgumentError } from '../../../std/errors.ts'
import { rowsOf, type TransactionClient } from './transactionClient.ts'

interface PgClient {
  query(text: string, values: (string | null)[]): Promise<unknown>
}

/** A `Client` or `PoolClient` of pg, or what has the same `query`; undefined for anything else. */
export function pgTransaction(client: object): TransactionClient | undefined {
  const { query, totalCount, idleCount } = client as Record<string, unknown>
  if (typeof query !== 'function') return undefined
  if (typeof totalCount === 'number' && typeof idleCount === 'number')
    throw new ArgumentError(
      'within: expected a client with an open transaction, got a pool of pg: take a client of it (`await pool.connect()`) and begin there',
    )
  return {
    connection: client,
    run: async (text, values) => rowsOf(await (client as PgClient).query(text, [...values])),
  }
}
