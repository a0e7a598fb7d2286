import type { MigrationStep } from '../../migration.ts'
import { OWN_FUNCTION, REQUIRE_FUNCTION } from '../gate.ts'
import { CLAIM_LANES } from './claimLanes.ts'
import { DEAD_LETTER_TABLE } from './deadLetterTable.ts'
import { DROP_LANES } from './dropLanes.ts'
import { LIMIT_FUNCTIONS, TIDY_LIMITS } from './limitFunctions.ts'
import { LIMIT_TABLES } from './limitTables.ts'
import { SUBMIT_FUNCTION } from './submitFunction.ts'
import { TABLES } from './tables.ts'
import { LANE_VIEWS, VIEWS } from './views.ts'

/** A step of the tables: the text of its statements, run in one transaction with all other steps. */
export interface PostgresStep extends MigrationStep<(text: string) => Promise<void>> {
  readonly sql: string
}

function step(version: number, minCompatible: number, describe: string, sql: string): PostgresStep {
  return { version, minCompatible, describe, sql, run: (execute) => execute(sql) }
}

/** The same functions, in place of those of before. */
function inPlace(functions: string): string {
  return functions.replaceAll('CREATE FUNCTION', 'CREATE OR REPLACE FUNCTION')
}

/** Every version of the tables, in order. */
export const POSTGRES_STEPS: readonly PostgresStep[] = [
  step(
    1,
    1,
    'makes the tables and views in a schema of their own',
    `${TABLES}${REQUIRE_FUNCTION}${OWN_FUNCTION}${VIEWS}${SUBMIT_FUNCTION}`,
  ),
  // What a process of version 1 does to a held message with limits returns its permits, too: by a trigger.
  step(2, 1, 'adds limits and lanes', `${LIMIT_TABLES}${LIMIT_FUNCTIONS}${CLAIM_LANES}${DROP_LANES}${LANE_VIEWS}`),
  // What looks for messages of lanes does it by the index, whenever its plan was made.
  step(
    3,
    1,
    'adds dead letters; lanes that are empty are found by an index',
    `${DEAD_LETTER_TABLE}${inPlace(CLAIM_LANES)}${inPlace(TIDY_LIMITS)}`,
  ),
]
