import { ArgumentError } from '../../../std/errors.ts'
import { pgTransaction } from './pg.ts'
import { postgresJsTransaction } from './postgresJs.ts'
import type { TransactionClient } from './transactionClient.ts'

/** By which Drizzle knows its classes. */
const KIND = Symbol.for('drizzle:entityKind')

/** The `tx` of Drizzle over pg or postgres.js; undefined for anything else. */
export function drizzleTransaction(client: object): TransactionClient | undefined {
  const kind = (client.constructor as unknown as Record<symbol, unknown> | undefined)?.[KIND]
  if (typeof kind !== 'string') return undefined
  if (!kind.endsWith('Transaction'))
    throw new ArgumentError(
      `within: expected a client with an open transaction, got Drizzle's ${kind}: give it the tx that \`db.transaction(async (tx) => …)\` passes on`,
    )
  const { client: inner } = ((client as { session?: unknown }).session ?? {}) as { client?: unknown }
  const known = isObject(inner) && (postgresJsTransaction(inner) ?? pgTransaction(inner))
  if (known) return known
  throw new ArgumentError(`within: expected Drizzle over node-postgres or postgres-js, got its ${kind}`)
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function'
}
