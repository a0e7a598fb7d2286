import { ArgumentError } from '../../../std/errors.ts'
import { drizzleTransaction } from './drizzle.ts'
import { knexTransaction } from './knex.ts'
import { kyselyTransaction } from './kysely.ts'
import { pgTransaction } from './pg.ts'
import { postgresJsTransaction } from './postgresJs.ts'
import { prismaTransaction } from './prisma.ts'
import type { TransactionClient } from './transactionClient.ts'

/** By what each has of its own; pg last, as others have a method `query` too. No library is loaded. */
const LIBRARIES: readonly ((client: object) => TransactionClient | undefined)[] = [
  drizzleTransaction,
  kyselyTransaction,
  prismaTransaction,
  postgresJsTransaction,
  knexTransaction,
  pgTransaction,
]

/** What runs statements on a client of the caller. Throws ArgumentError. */
export function transactionClientOf(client: unknown): TransactionClient {
  const isObject = (typeof client === 'object' && client !== null) || typeof client === 'function'
  if (isObject)
    for (const find of LIBRARIES) {
      const found = find(client)
      if (found) return found
    }
  throw new ArgumentError(
    `within: expected a client with an open transaction (of pg, postgres.js, Drizzle, Kysely, Knex or Prisma), got ${isObject ? 'an object of another kind' : String(client)}`,
  )
}
