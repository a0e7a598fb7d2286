import { copyFileSync, existsSync, renameSync, rmSync, truncateSync } from 'node:fs'
import { expect, test } from 'vitest'
import { App } from '../../../src/app/app.ts'
import { createLogger } from '../../../src/std/log.ts'
import { pause, until } from '../../../src/testing/kit.ts'
import { Worker } from '../../../src/worker/worker.ts'
import { record } from '../../app/lab.ts'
import { storesOf } from '../../app/stores.ts'
import { Folder } from './folder.ts'

const LOST: readonly (readonly [how: string, lose: (path: string) => void, says: RegExp])[] = [
  ['the file is removed', (path) => rmSync(path), /store\.db was (?:removed|replaced)/],
  [
    'all files are removed',
    (path) => {
      for (const end of ['', '-wal', '-shm']) rmSync(path + end)
    },
    /was (?:removed|replaced)/,
  ],
  [
    'another file takes its place',
    (path) => {
      copyFileSync(path, `${path}.new`)
      renameSync(`${path}.new`, path)
    },
    /store\.db was replaced/,
  ],
  ['the log is removed', (path) => rmSync(`${path}-wal`), /store\.db-wal was (?:removed|replaced)/],
  ['the log is cut', (path) => truncateSync(`${path}-wal`, 1000), /store\.db-wal was cut/],
  ['the log is emptied', (path) => truncateSync(`${path}-wal`, 0), /store\.db-wal was cut/],
]

test.each(LOST)(
  '%s under a running worker: it says so and stops, and nothing is taken any more',
  async (_, lose, says) => {
    const folder = new Folder()
    const app = new App({ broker: folder.url(), logger: createLogger('silent') })
    const told = record(app)
    const task = app.task('task', (value: number) => value)
    const worker = new Worker(app)
    try {
      await worker.start()
      expect(await task.delay(1).get()).toBe(1)
      expect(existsSync(`${folder.file()}-wal`)).toBe(true)
      // It has looked at the log with what is in it.
      await pause(700)
      lose(folder.file())
      await until('it stops', () => told.some(({ name }) => name === 'worker:shutdown'))
      expect(told.find(({ name }) => name === 'worker:shutdown')?.event).toMatchObject({ reason: 'store lost' })
      expect(worker.problem?.message).toMatch(says)
      expect(told.find(({ name }) => name === 'worker:error')?.event).toMatchObject({ error: worker.problem })
      await worker.stop()
      const late = task.delay(2)
      await expect(late).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', message: expect.stringMatching(says) })
    } finally {
      await app.close()
      folder.remove()
    }
  },
)

test('a caller alone notices too', async () => {
  const folder = new Folder()
  const app = new App({ broker: folder.url(), logger: createLogger('silent') })
  const task = app.task('task', (value: number) => value)
  try {
    await task.delay(1)
    rmSync(folder.file())
    await until('a call is refused', () =>
      task.delay(2).then(
        () => false,
        ({ message }) => /was removed/.test(message),
      ),
    )
    await expect(app.queueSize()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
  } finally {
    await app.close()
    folder.remove()
  }
})

test('a log that is begun anew, in whatever process, is none of that', async () => {
  const folder = new Folder()
  const [app, other] = [new App({ broker: folder.url() }), new App({ broker: folder.url() })]
  const task = app.task('task', (value: string) => value.length)
  const worker = new Worker(app)
  try {
    await worker.start()
    const { broker } = await storesOf(other)
    const { db } = (broker as unknown as { file: { db: { exec(sql: string): void } } }).file
    for (let round = 0; round < 40; round++) {
      expect(await task.delay('x'.repeat(50_000)).get()).toBe(50_000)
      db.exec('PRAGMA busy_timeout = 1000; PRAGMA wal_checkpoint(TRUNCATE)')
      await new Promise((resolve) => setTimeout(resolve, 30))
    }
    expect(worker.problem).toBeUndefined()
  } finally {
    await worker.stop()
    await app.close()
    await other.close()
    folder.remove()
  }
})
