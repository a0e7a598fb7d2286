import type { MigrationStep } from '../../migration.ts'
import { OWN_FUNCTION, REQUIRE_FUNCTION } from '../gate.ts'
import { SUBMIT_FUNCTION } from './submitFunction.ts'
import { TABLES } from './tables.ts'
import { VIEWS } from './views.ts'

/** A step of the tables: the text of its statements, run in one transaction with all other steps. */
export interface PostgresStep extends MigrationStep<(text: string) => Promise<void>> {
  readonly sql: string
}

function step(version: number, minCompatible: number, describe: string, sql: string): PostgresStep {
  return { version, minCompatible, describe, sql, run: (execute) => execute(sql) }
}

/** Every version of the tables, in order. */
export const POSTGRES_STEPS: readonly PostgresStep[] = [
  step(
    1,
    1,
    'makes the tables and views in a schema of their own',
    `${TABLES}${REQUIRE_FUNCTION}${OWN_FUNCTION}${VIEWS}${SUBMIT_FUNCTION}`,
  ),
]
