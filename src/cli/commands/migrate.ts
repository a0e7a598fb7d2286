import type { StoreVersion } from '../../app/storeInfo.ts'
import { type AppOptions, withApp } from '../loadApp.ts'

export interface MigrateCommandOptions extends AppOptions {
  /** Change nothing. */
  print?: boolean
}

/** `celeriac migrate`: brings the stores to this version, and says what it did; with `--print`, what it would do. */
export async function migrate({ print = false, ...options }: MigrateCommandOptions): Promise<void> {
  const migrations = await withApp(options, (app) => app.migrate({ print }))
  process.stdout.write(`${migrations.map((one) => textOf(one, print)).join('\n')}\n`)
}

function textOf(migration: StoreVersion, print: boolean): string {
  const { store } = migration
  if (!migration.steps) return `${store}: nothing to migrate: this store keeps no layout of celeriac`
  const { from, to, minCompatible, steps } = migration
  if (steps.length === 0) return `${store}: schema version ${to}, nothing to migrate`
  const before = from === 0 ? 'no data of celeriac' : `schema version ${from}`
  const oldest = `processes of version ${minCompatible} or later may use it then`
  return [
    `${store}: ${before}, ${print ? 'would be migrated' : 'migrated'} to ${to}; ${oldest}`,
    ...steps.map(({ version, describe }) => `  ${version}: ${describe}`),
  ].join('\n')
}
