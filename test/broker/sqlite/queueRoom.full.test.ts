import { expect, test } from 'vitest'
import { QueueFullError } from '../../../src/std/errors.ts'
import { until, useLab } from '../../app/lab.ts'

const lab = useLab('sqlite')
const TEXT = 'x'.repeat(100)

test('a long queue: what another connection sends is seen, also while it is counted in steps', async () => {
  const LIMIT = 3_000_000
  const first = lab().app({ maxQueueBytes: LIMIT })
  const second = lab().app({ maxQueueBytes: LIMIT })
  const [task, other] = [first, second].map((app) => app.task('work', (text: string) => text))
  if (!task || !other) throw new Error('two tasks')
  const used = async (): Promise<number> => (await first.bounds())[0]?.used ?? 0
  for (let at = 0; at < 6; at++) await task.delayMany(Array.from({ length: 1000 }, () => [TEXT] as [string]))
  // Both know the queue from here on.
  await Promise.all([task.delay(TEXT), other.delay(TEXT)])
  const refused = { task: 0, other: 0 }
  const fill = async (name: 'task' | 'other'): Promise<void> => {
    const one = { task, other }[name]
    while (refused[name] < 10) {
      await one.delayMany(Array.from({ length: 20 }, () => [TEXT] as [string])).catch((error: unknown) => {
        expect(error).toBeInstanceOf(QueueFullError)
        refused[name]++
      })
    }
  }
  await Promise.all(['task', 'other', 'task', 'other'].map((name) => fill(name as 'task' | 'other')))
  const full = await used()
  expect(full).toBeLessThanOrEqual(LIMIT)
  expect(full).toBeGreaterThan(LIMIT * 0.9)
  await first.purge()
  // A count of the full queue is used for some time.
  expect(await until(() => task.delay(TEXT).catch((): false => false))).not.toBe(false)
  expect(await until(() => other.delay(TEXT).catch((): false => false))).not.toBe(false)
  expect(await used()).toBeLessThan(1000)
})

test('a transaction that is undone takes no room', async () => {
  const app = lab().app({ maxQueueBytes: 3000, maxQueueLength: 100 })
  const { DatabaseSync } = await import('node:sqlite')
  await app.send('work', [TEXT])
  const db = new DatabaseSync(lab().path, { timeout: 10_000 })
  lab().after(() => db.close())
  db.exec('BEGIN IMMEDIATE')
  await app.within(db, async () => {
    for (let at = 0; at < 3; at++) await app.send('work', ['x'.repeat(200)])
  })
  db.exec('ROLLBACK')
  for (let at = 0; at < 3; at++) await app.send('work', ['x'.repeat(200)])
  expect(await app.queueSize()).toBe(4)
})
