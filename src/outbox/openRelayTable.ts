import type { RelayTable, RelayTableOptions } from './relayTable.ts'

/** Opens the table in the database of this URL. Rejects with ConfigError. */
export async function openRelayTable(url: string, options: RelayTableOptions): Promise<RelayTable> {
  if (/^postgres(?:ql)?:/.test(url)) return new (await import('./postgresTable.ts')).PostgresRelayTable(url, options)
  return new (await import('./sqliteTable.ts')).SqliteRelayTable(url, options)
}
