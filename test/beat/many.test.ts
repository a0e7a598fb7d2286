import { expect, test } from 'vitest'
import { every } from '../../src/beat/when/every.ts'
import type { ScheduleStore } from '../../src/stores/scheduleStore.ts'
import { until, useLab } from '../app/lab.ts'
import { Scene } from './scene.ts'

const lab = useLab('sqlite')

/** Counts the calls of a store from now on. */
function counted(store: ScheduleStore): Record<'due' | 'swap' | 'takeRuns' | 'endRuns', number> {
  const calls = { due: 0, swap: 0, takeRuns: 0, endRuns: 0 }
  for (const name of Object.keys(calls) as (keyof typeof calls)[]) {
    const own = store[name].bind(store) as (...args: never[]) => never
    ;(store as unknown as Record<string, unknown>)[name] = (...args: never[]) => {
      calls[name]++
      return own(...args)
    }
  }
  return calls
}

test('10,000 entries: asleep while nothing is due; a thousand that are due at once are one look', async () => {
  const scene = new Scene(lab())
  for (let at = 0; at < 10_000; at++)
    scene.schedules.define(`entry ${at}`, every(at < 1000 ? '1h' : '1d'), { task: 'work', args: [at] })
  await scene.beat()
  const calls = counted(await scene.schedules.store())
  await scene.pass(25_000, 1000)
  expect(calls).toEqual({ due: 0, swap: 0, takeRuns: 0, endRuns: 0 })
  scene.clock.advance(3_600_000 - 25_000)
  await until(() => scene.sent.length === 1000)
  await scene.quiet()
  expect(calls.swap).toBe(4)
  expect(calls.endRuns).toBe(4)
  expect(calls.due).toBeLessThanOrEqual(3)
  expect(new Set(scene.sent.map(({ entry }) => entry)).size).toBe(1000)
  expect(await scene.app.queueSize()).toBe(1000)
})
