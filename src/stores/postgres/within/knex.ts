import { ArgumentError } from '../../../std/errors.ts'
import { rowsOf, type TransactionClient } from './transactionClient.ts'

interface Knex {
  readonly isTransaction?: boolean
  raw(text: string, bindings: (string | null)[]): Promise<unknown>
}

/** A transaction of Knex; undefined for anything else. */
export function knexTransaction(client: object): TransactionClient | undefined {
  const { isTransaction, raw } = client as Partial<Knex>
  if (typeof client !== 'function' || typeof raw !== 'function') return undefined
  if (isTransaction !== true)
    throw new ArgumentError(
      'within: expected a client with an open transaction, got a Knex without one: give it the trx that `knex.transaction(async (trx) => …)` passes on',
    )
  return {
    connection: client,
    run: async (text, values) => rowsOf(await (client as unknown as Knex).raw(...bound(text, values))),
  }
}

/** Knex writes parameters as `?`, each with a value of its own. */
function bound(text: string, values: readonly (string | null)[]): [string, (string | null)[]] {
  const bindings: (string | null)[] = []
  const written = text.replaceAll(/\$(\d+)|\?/g, (found, number?: string) => {
    if (number === undefined) return `\\${found}`
    bindings.push(values[Number(number) - 1] ?? null)
    return '?'
  })
  return [written, bindings]
}
