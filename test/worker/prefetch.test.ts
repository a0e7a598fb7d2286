import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { currentTask } from '../../src/tasks/current.ts'
import type { WorkerOptions } from '../../src/worker/worker.ts'
import { type Lab, onEachStore, until } from '../app/lab.ts'
import { definePools } from './modules/pools.ts'

const module = new URL('./modules/pools.ts', import.meta.url).href

/** Two workers of one slot each, and long tasks that end together when both run one. */
async function shareLongTasks(lab: Lab, count: number, options: WorkerOptions): Promise<Record<string, number>> {
  const taken: Record<string, number> = {}
  let open: (() => void)[] = []
  const apps = ['one', 'two'].map(() => lab.app())
  for (const app of apps) {
    app.task('quick', () => 1)
    app.task('long', async () => {
      const name = currentTask()?.hostname as string
      taken[name] = (taken[name] ?? 0) + 1
      await new Promise<void>((resolve) => open.push(resolve))
    })
  }
  const [first] = apps as [(typeof apps)[0]]
  // Short ones first: a worker that may take ahead does so.
  const quick = await Promise.all(Array.from({ length: 200 }, () => first.send('quick')))
  for (const [at, app] of apps.entries()) await lab.work(app, { ...options, concurrency: 1, hostname: `${at}@here` })
  for (const handle of quick) await handle.get({ timeout: '30s' })
  const long = await Promise.all(Array.from({ length: count }, () => first.send('long')))
  for (let round = 0; round < count / 2; round++) {
    await until(() => open.length === 2)
    const ending = open
    open = []
    for (const end of ending) end()
  }
  for (const handle of long) await handle.get({ timeout: '30s' })
  return taken
}

onEachStore(
  (lab) => {
    describe('two workers of one slot', () => {
      it('share 20 long tasks 10 to 10 where nothing is taken ahead', async () => {
        expect(await shareLongTasks(lab(), 20, { disablePrefetch: true })).toEqual({ '0@here': 10, '1@here': 10 })
      })

      it('take no long task from each other where short ones are taken ahead, too', async () => {
        expect(await shareLongTasks(lab(), 6, { prefetchMultiplier: 0 })).toEqual({ '0@here': 3, '1@here': 3 })
      })
    })

    it('where nothing is taken ahead, a full pool of several holds no message that another worker could run', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'celeriac-gate-'))
      lab().after(() => rmSync(folder, { recursive: true }))
      const app = definePools(lab().app())
      const options = { module, concurrency: 1, taskPools: { threads: 1 }, disablePrefetch: true }
      const one = await lab().work(app, { ...options, hostname: 'one@x' })
      const gates = [join(folder, 'first'), join(folder, 'second')]
      const handles = await Promise.all(gates.map((gate) => app.send('gated', [gate])))
      await until(() => one.totals.get('gated') === 1 && one.busy === 1)
      expect(await app.send('plain', []).get({ timeout: '30s' })).toBe(`${process.pid}/0`)
      const two = await lab().work(app, { ...options, hostname: 'two@x' })
      await until(() => two.totals.get('gated') === 1)
      for (const gate of gates) writeFileSync(gate, '')
      for (const handle of handles) await handle.get({ timeout: '40s' })
      expect([one.totals.get('gated'), two.totals.get('gated')]).toEqual([1, 1])
    })
  },
  { memory: false },
)
