import { describe, expect, it } from 'vitest'
import { ConfigError, StoreUnavailableError } from '../../src/std/errors.ts'
import { decide, type Layout, migrationOf, outdated, type StepText } from '../../src/stores/migration.ts'
import { REDIS_STEPS } from '../../src/stores/redis/layout.ts'
import { SQLITE_STEPS } from '../../src/stores/sqlite/migrations.ts'

const step = (version: number, minCompatible: number): StepText => ({
  version,
  minCompatible,
  describe: `to ${version}`,
})
const STEPS = [step(1, 1), step(2, 1), step(3, 2)]
const layout = (version: number, minCompatible: number): Layout => ({ version, minCompatible })

describe('what a process does with a store', () => {
  it.each([
    ['of its own version: use it', layout(3, 2), 'use', []],
    ['of a newer version that allows it: use it', layout(5, 3), 'use', []],
    ['of a newer version that does not: refuse it', layout(5, 4), 'refuse', []],
    ['of an older version: migrate it from there', layout(1, 1), 'migrate', [2, 3]],
    ['without data: make it by every step', layout(0, 0), 'migrate', [1, 2, 3]],
  ] as const)('a store %s', (_, found, kind, versions) => {
    const decision = decide('the store', found, STEPS)
    expect(decision.kind).toBe(kind)
    expect(decision.kind === 'migrate' ? decision.steps.map(({ version }) => version) : []).toEqual(versions)
  })

  it('a refusal says both versions and what to do, and is thrown by a migration', () => {
    const found = layout(5, 4)
    const decision = decide('sqlite:/a.db', found, STEPS)
    const text = 'sqlite:/a.db has schema version 5, for processes of version 4 or later; this celeriac has 3: upgrade'
    expect(() => migrationOf(found, decision)).toThrow(ConfigError)
    expect(() => migrationOf(found, decision)).toThrow(text)
  })

  it('a process that has the store open learns both versions and what to do', () => {
    const error = outdated(layout(9, 4), 3)
    expect(error).toBeInstanceOf(StoreUnavailableError)
    expect(error.message).toMatch(/migrated while it was open.*version 9.*version 4 or later.*has 3.*start/)
  })

  it('a migration says where it begins, where it ends, and who may use the store then', () => {
    const found = layout(1, 1)
    expect(migrationOf(found, decide('store', found, STEPS))).toEqual({
      from: 1,
      to: 3,
      minCompatible: 2,
      steps: [step(2, 1), step(3, 2)],
    })
    const newer = layout(4, 2)
    expect(migrationOf(newer, decide('store', newer, STEPS))).toEqual({ from: 4, to: 4, minCompatible: 2, steps: [] })
  })
})

/*
 * Expand, then contract: the processes of the version before can use what a step leaves. Version 2 of SQLite is the one
 * exception.
 */
it.each([
  ['SQLite', SQLITE_STEPS, [2]],
  ['Redis', REDIS_STEPS, [1]],
] as const)('the steps of %s are consecutive, and each can be used by the version before', (_, steps, exceptions) => {
  for (const [index, { version, minCompatible, describe: text }] of steps.entries()) {
    const before = steps[index - 1]
    if (before) expect(version).toBe(before.version + 1)
    expect(minCompatible).toBeGreaterThanOrEqual(before?.minCompatible ?? 0)
    expect(minCompatible).toBeLessThanOrEqual(
      (exceptions as readonly number[]).includes(version) ? version : version - 1,
    )
    expect(text).toMatch(/^\S[^\n]*[^.]$/)
  }
})
