import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import type { Figures } from '../../bench/harness/scenario.ts'
import { backlog } from '../../bench/measures/backlog.ts'
import { celeriac } from '../../bench/sides/sqlite.ts'
import { Servers } from '../../bench/stores/servers.ts'

const SHORT = 10_000
const LONG = 1_000_000
const root = fileURLToPath(new URL('../..', import.meta.url))

test('a backlog of 1,000,000 drains as fast as one of 10,000, and the worker does not grow', async ({ annotate }) => {
  const folder = mkdtempSync(join(tmpdir(), 'celeriac-backlog-'))
  const servers = new Servers(folder)
  onTestFinished(async () => {
    await servers.stop()
    rmSync(folder, { recursive: true, force: true })
  })
  const conditions = { window: 10, cold: 20_000, quick: false, root, folder, servers, rates: new Map<string, number>() }
  const measure = async (name: string, tasks: number): Promise<Figures> => {
    const figures = await backlog(conditions, servers.sqlite, celeriac, tasks)
    await annotate(`${name}: ${JSON.stringify(figures)}`)
    return figures
  }
  // The short one before and after: the machine may have changed its pace meanwhile.
  const before = await measure('short before', SHORT)
  const long = await measure('long', LONG)
  const after = await measure('short after', SHORT)
  const cpu = 'worker CPU µs/task'
  const short = Math.max(before[cpu] as number, after[cpu] as number)
  expect(long[cpu], 'processor time per task, against a short backlog').toBeLessThan(short * 1.25)
  expect(long['worker RSS slope MiB/100k'], 'growth in the second half, MiB per 100,000 tasks').toBeLessThan(1)
  expect((long['worker RSS max MiB'] as number) - (long['worker RSS at start MiB'] as number)).toBeLessThan(150)
})
