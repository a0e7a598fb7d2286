import { DatabaseSync } from 'node:sqlite'
import { ArgumentError } from '../../../std/errors.ts'

/** By which Drizzle knows its classes. */
const KIND = Symbol.for('drizzle:entityKind')

const EXPECTED = 'within: expected a DatabaseSync of node:sqlite on which a transaction is open'

/** The database of the caller. Throws ArgumentError for anything else; no library is loaded to recognize it. */
export function databaseOf(client: unknown): DatabaseSync {
  if (client instanceof DatabaseSync) return client
  if (typeof client !== 'object' || client === null) throw new ArgumentError(`${EXPECTED}, got ${kindOf(client)}`)
  const { session, executeQuery } = client as { session?: { client?: unknown }; executeQuery?: unknown }
  const isDrizzle = (client.constructor as unknown as Record<symbol, unknown> | undefined)?.[KIND] !== undefined
  if (isSecondCopy(client) || isSecondCopy(session?.client))
    throw new ArgumentError(
      `${EXPECTED}, got one of better-sqlite3: that is a second copy of SQLite in this process, and when one copy closes the file, the locks of the other are gone and committed jobs can be lost (https://sqlite.org/howtocorrupt.html, section 2.2.1)`,
    )
  const library = isDrizzle ? 'Drizzle' : typeof executeQuery === 'function' ? 'Kysely' : undefined
  if (library)
    throw new ArgumentError(
      `${EXPECTED}, got an object of ${library}, which does not show its connection: give it the DatabaseSync that this ${library} runs on`,
    )
  throw new ArgumentError(`${EXPECTED}, got an object of another kind`)
}

function kindOf(client: unknown): string {
  return typeof client === 'function' ? 'a function' : String(client)
}

/** A database of better-sqlite3, or of a library with its interface. */
function isSecondCopy(client: unknown): boolean {
  if (typeof client !== 'object' || client === null) return false
  const { prepare, pragma, inTransaction } = client as Record<string, unknown>
  return typeof prepare === 'function' && typeof pragma === 'function' && typeof inTransaction === 'boolean'
}
