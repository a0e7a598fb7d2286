import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { backlogScenario, type Figures, storeAt } from '../../bench/embedded/scenarios.ts'

const SHORT = 10_000
const LONG = 1_000_000

test('a backlog of 1,000,000 drains as fast as one of 10,000, and the worker does not grow', async ({ annotate }) => {
  const folder = mkdtempSync(join(tmpdir(), 'celeriac-backlog-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const measure = async (name: string, tasks: number): Promise<Figures> => {
    const store = storeAt(folder, name)
    const figures = await backlogScenario(store.path, tasks)
    store.remove()
    await annotate(`${name}: ${JSON.stringify(figures)}`)
    return figures
  }
  // The short one before and after: the machine may have changed its pace meanwhile.
  const before = await measure('short before', SHORT)
  const long = await measure('long', LONG)
  const after = await measure('short after', SHORT)
  const cpu = 'CPU us/task'
  const short = Math.max(before[cpu] as number, after[cpu] as number)
  expect(long[cpu], 'processor time per task, against a short backlog').toBeLessThan(short * 1.25)
  expect(long['RSS slope MiB/100k'], 'growth in the second half, MiB per 100,000 tasks').toBeLessThan(1)
  expect((long['RSS max MiB'] as number) - (long['RSS at start MiB'] as number)).toBeLessThan(150)
})
