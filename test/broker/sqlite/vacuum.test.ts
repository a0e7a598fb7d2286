import { execFile } from 'node:child_process'
import { statSync } from 'node:fs'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { until, useLab } from '../../app/lab.ts'

const MAX_LOG = 64 * 1024 * 1024

const lab = useLab('sqlite')

it('VACUUM, as docs/how-to/deploy.md says, gives room back under a worker that runs on', {
  timeout: 180_000,
}, async () => {
  // As the page says: others wait meanwhile.
  const app = lab().app({ storeTimeout: '40s' })
  const fill = app.task('fill', (text: string) => text.length, { queue: 'fill' })
  const ping = app.task('ping', (x: number) => x)
  await fill.delayMany(Array.from({ length: 200 }, () => ['x'.repeat(100_000)] as const))
  expect(await app.purge('fill')).toBe(200)
  await lab().work(app)
  expect(await ping.delay(1).get()).toBe(1)
  const size = (): number => statSync(lab().path).size
  await until(() => size() > 15_000_000)
  const before = size()

  const script = 'new (require("node:sqlite").DatabaseSync)(process.argv[1], { timeout: 40_000 }).exec("VACUUM")'
  const vacuum = promisify(execFile)(process.execPath, ['-e', script, lab().path])
  const answers = await Promise.all(Array.from({ length: 200 }, (_, at) => ping.delay(at).get({ timeout: '30s' })))
  expect(answers).toEqual(Array.from({ length: 200 }, (_, at) => at))
  await vacuum

  expect(await ping.delay(2).get()).toBe(2)
  // The file is cut when the log is written back into it.
  await until(() => size() < before / 2)
  expect(await ping.delay(3).get()).toBe(3)
})

it('the log that grew while a reader held it is cut back', { timeout: 180_000 }, async () => {
  // A slow disk takes its time to write a hundred megabytes.
  const app = lab().app({ storeTimeout: '90s' })
  const fill = app.task('fill', (text: string) => text.length, { queue: 'fill' })
  const ping = app.task('ping', (x: number) => x)
  await lab().work(app)
  expect(await ping.delay(1).get()).toBe(1)
  const reader = lab().database()
  reader.exec('BEGIN')
  reader.prepare('SELECT count(*) FROM celeriac_message').get()
  for (let round = 0; round < 8; round++)
    await fill.delayMany(Array.from({ length: 100 }, () => ['x'.repeat(100_000)] as const))
  const log = (): number => statSync(`${lab().path}-wal`).size
  expect(log()).toBeGreaterThan(MAX_LOG)
  reader.exec('COMMIT')
  expect(await ping.delay(2).get()).toBe(2)
  await until(() => log() <= MAX_LOG)
  expect(await ping.delay(3).get()).toBe(3)
})
