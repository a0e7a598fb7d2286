import { ArgumentError } from '../../../std/errors.ts'
import { rowsOf, type TransactionClient } from './transactionClient.ts'

interface Prisma {
  $queryRawUnsafe(text: string, ...values: (string | null)[]): Promise<unknown>
  $executeRawUnsafe(text: string): Promise<unknown>
  $transaction?: unknown
}

/** By which Prisma marks the client of an interactive transaction. */
const TRANSACTION_ID = Symbol.for('prisma.client.transaction.id')

/** The `tx` of an interactive transaction of Prisma; undefined for anything else. */
export function prismaTransaction(client: object): TransactionClient | undefined {
  const prisma = client as Prisma & Record<symbol, unknown>
  if (typeof prisma.$queryRawUnsafe !== 'function' || typeof prisma.$executeRawUnsafe !== 'function') return undefined
  if (typeof prisma.$transaction === 'function' && prisma[TRANSACTION_ID] === undefined)
    throw new ArgumentError(
      'within: expected a client with an open transaction, got a PrismaClient: give it the tx that `prisma.$transaction(async (tx) => …)` passes on',
    )
  return {
    connection: client,
    run: async (text, values) => {
      if (isQuery(text)) return rowsOf(await prisma.$queryRawUnsafe(text, ...values))
      await prisma.$executeRawUnsafe(text, ...(values as []))
      return []
    },
  }
}

/** Prisma reads rows only of a statement that has columns. */
function isQuery(text: string): boolean {
  return /^\s*(?:SELECT|WITH)/i.test(text)
}
