import { ConfigError, StoreUnavailableError } from '../std/errors.ts'

/*
 * How the data of a store changes its layout from one version of celeriac to the next: the same rules for every store.
 * This file decides; a store reads and writes its own layout, and runs the steps.
 */

/** What a store records of its layout. */
export interface Layout {
  /** Version of the layout; 0: the store has no data of celeriac yet. */
  readonly version: number
  /** The lowest version whose processes may use the store. */
  readonly minCompatible: number
}

/** What people read about a step. */
export interface StepText extends Layout {
  /** What it changes: one line without a capital letter and a full stop. */
  readonly describe: string
}

/**
 * One step, from the version before it to `version`. Processes from `minCompatible` on may go on using the store. A
 * step that expands (adds a column, a table) keeps the number of the step before; one that contracts raises it, in a
 * later minor version, when no process needs what the step removes.
 */
export interface MigrationStep<Store> extends StepText {
  /** Change the store, which has the version `from`. It is called with the store locked, and has an effect or none. */
  run(store: Store, from: number): void | Promise<void>
}

/** What a process does with a store: use it as it is, after these steps, or not at all. */
export type Decision<Step extends StepText> =
  | { readonly kind: 'use' }
  | { readonly kind: 'migrate'; readonly steps: readonly Step[] }
  | { readonly kind: 'refuse'; readonly error: ConfigError }

/** The last step's version: what the code with these steps writes. */
export function versionOf(steps: readonly StepText[]): number {
  return (steps.at(-1) as StepText).version
}

/**
 * Decide by the store's layout alone. `store` names it in the error. A store of a newer version that allows this one is
 * used, and never changed.
 */
export function decide<Step extends StepText>(store: string, found: Layout, steps: readonly Step[]): Decision<Step> {
  const own = versionOf(steps)
  if (found.version < own) return { kind: 'migrate', steps: steps.filter(({ version }) => version > found.version) }
  if (found.minCompatible <= own) return { kind: 'use' }
  return {
    kind: 'refuse',
    error: new ConfigError(`${store} ${tooNew(found, own)}: upgrade celeriac or choose another store`),
  }
}

/**
 * Why a process of the version `own` that has the store open may not write to it any more: `minCompatible`, read inside
 * the write, is above it.
 */
export function outdated(found: Layout, own: number): StoreUnavailableError {
  return new StoreUnavailableError(
    `the store was migrated while it was open, and ${tooNew(found, own)}: upgrade celeriac and start this process again`,
  )
}

function tooNew({ version, minCompatible }: Layout, own: number): string {
  return `has schema version ${version}, for processes of version ${minCompatible} or later; this celeriac has ${own}`
}

/** What `migrate` did, or would do. */
export interface Migration {
  /** Version before; 0: no data of celeriac. */
  readonly from: number
  readonly to: number
  /** The lowest version whose processes may use the store afterwards. */
  readonly minCompatible: number
  /** Empty where there is nothing to do. */
  readonly steps: readonly StepText[]
}

/** The migration that was decided for a store. Throws the ConfigError of a refusal. */
export function migrationOf(found: Layout, decision: Decision<StepText>): Migration {
  if (decision.kind === 'refuse') throw decision.error
  const steps = decision.kind === 'use' ? [] : decision.steps
  const { version: to, minCompatible: least } = steps.at(-1) ?? found
  // What is in the store may need a higher one than the steps.
  const minCompatible = Math.max(least, found.minCompatible)
  const texts = steps.map(({ version, minCompatible: lowest, describe }) => ({
    version,
    minCompatible: lowest,
    describe,
  }))
  return { from: found.version, to, minCompatible, steps: texts }
}
