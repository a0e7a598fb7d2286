import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { App } from '../../src/app/app.ts'
import { directoryPayloads } from '../../src/payloads/directory.ts'
import type { PayloadOptions } from '../../src/payloads/payloadOptions.ts'
import { PayloadSweep } from '../../src/payloads/sweep.ts'
import { currentTask, type TaskContext } from '../../src/tasks/current.ts'
import type { Lab } from '../app/lab.ts'
import { storesOf } from '../app/stores.ts'
import { folderOfTest } from '../payloads/lab.ts'
import { eventually } from '../wait.ts'

export const wait = { timeout: '30s' } as const
export const HOUR = 3_600_000
export const DAY = 24 * HOUR

/** Found nowhere where payloads are sealed. */
export const SENTINEL = 'Sentinel-of-a-payload'
export const LARGE = `${SENTINEL} ${'x'.repeat(5000)}`

/** Options by which all above 1 KiB is in a folder, which is returned, too. */
export async function payloadsIn(options: Partial<PayloadOptions> = {}): Promise<{
  readonly folder: string
  readonly payloads: PayloadOptions
}> {
  const folder = await folderOfTest()
  return { folder, payloads: { store: directoryPayloads(join(folder, 'payloads')), threshold: '1 KiB', ...options } }
}

/** All that is in the files below a folder. */
export function textIn(folder: string): string {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => readFileSync(join(parentPath, name), 'latin1'))
    .join('\n')
}

/** One walk of a sweep over all payloads, when this much time has passed, ms. Returns how many were removed. */
export async function sweepLater(app: App, later: number): Promise<number> {
  const { payloads, broker, backend } = await storesOf(app)
  if (!payloads) throw new Error('the app has payloads')
  const { clock } = app.config
  const moved = { now: () => clock.now() + later, after: clock.after.bind(clock) }
  return (await new PayloadSweep({ config: payloads.config, broker, backend, clock: moved }).step()).removed
}

/** The dead letter of this id, once it is there. */
export function letterOf(app: App, id: string) {
  return eventually(
    () => app.deadLetters.get(id),
    (letter) => letter !== undefined,
  )
}

/** A task that fails until `mended` is called, and what it was called with. */
export function flaky(app: App) {
  const state = { fails: true, got: [] as unknown[] }
  const task = app.task(
    'flaky',
    (value: unknown) => {
      if (state.fails) throw new RangeError(`no ${String(value).slice(0, 40)}`)
      state.got.push(value)
      return value
    },
    { deadLetter: true },
  )
  return { task, state }
}

/** A task that completes itself in a transaction of the file of its store. `end`: of the transaction. */
export function charging(app: App, lab: Lab, result: unknown, name = 'charge', end: 'COMMIT' | 'ROLLBACK' = 'COMMIT') {
  return app.task(name, async (_what: unknown) => {
    const ctx = currentTask() as TaskContext
    const db = new DatabaseSync(lab.path, { timeout: 10_000 })
    try {
      db.exec('BEGIN IMMEDIATE')
      await ctx.completeWithin(db, result)
      db.exec(end)
      return result
    } finally {
      db.close()
    }
  })
}
