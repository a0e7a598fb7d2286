import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { expect, it, onTestFinished } from 'vitest'
import { Celeriac, currentTask } from '../../src/index.ts'
import { createLogger } from '../../src/std/log.ts'
import { Worker } from '../../src/worker/worker.ts'
import { RedisServer } from '../redis/server.ts'
import { eventually } from '../wait.ts'
import { written } from './written.ts'

const STORES: Readonly<Record<string, () => Promise<string>>> = {
  sqlite: async () => {
    const folder = mkdtempSync(join(tmpdir(), 'celeriac-written-'))
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
    writeFileSync(join(folder, 'store.db'), written('store.db'))
    return `sqlite:${join(folder, 'store.db')}`
  },
  redis: async () => {
    const server = await RedisServer.start({ flags: ['--save', '900 1'] })
    onTestFinished(() => server.stop())
    await server.kill()
    writeFileSync(join(server.folder, 'dump.rdb'), written('dump.rdb'))
    await server.start()
    return server.url()
  },
}

it.each(Object.keys(STORES))('a store of an earlier version is read, and its tasks go on: %s', async (kind) => {
  const url = (await STORES[kind]?.()) as string
  const { logger, lines } = warnings()
  const app = new Celeriac({ broker: url, name: 'old', resultExpires: '36500d', logger })
  onTestFinished(() => app.close())
  const runs: unknown[][] = []
  app.task('add', (a: number, b: number) => {
    runs.push([currentTask()?.id, a, b])
    return a + b
  })
  app.task('hold', (value: number) => {
    const { redelivered, attempt } = currentTask() ?? {}
    return { value, redelivered, attempt }
  })

  await app.connect()
  const migrated =
    kind === 'sqlite' ? [expect.stringMatching(/^sqlite:.+ was migrated from schema version 1 to \d+;/)] : []
  expect(lines.filter((line) => line.includes('migrated'))).toEqual(migrated)

  // What it had finished.
  expect(await app.result('finished').info()).toMatchObject({ state: 'SUCCESS', result: 3, worker: 'second@old' })
  expect(await app.result('failed').info()).toMatchObject({ state: 'FAILURE', error: { type: 'TypeError' } })
  expect(await app.result('revoked').state()).toBe('REVOKED')
  const { jobs } = await app.jobs({ tag: 'blue', limit: 10 })
  expect(jobs.map(({ id }) => id)).toEqual(['waiting', 'finished'])
  const states: string[] = []
  for await (const { state } of app.result('finished').events({ after: 0 })) states.push(state)
  expect(states).toEqual(['PENDING', 'PROGRESS', 'SUCCESS'])
  expect(await app.schedules.list()).toMatchObject([{ name: 'hourly', task: 'add' }])

  // What it had not.
  expect(await app.result('waiting').state()).toBe('PENDING')
  const worker = new Worker(app, { queues: ['celery', 'held'], logger: false })
  await worker.start()
  onTestFinished(() => worker.stop({ grace: 0 }))
  expect(await app.result('waiting').get({ timeout: '20s' })).toBe(7)
  expect(await app.result('delayed').get({ timeout: '20s' })).toBe(11)
  expect(await app.result('held').get({ timeout: '40s' })).toEqual({ value: 7, redelivered: true, attempt: 2 })
  // Each once; on Redis the message without a priority comes first, as Celery has it.
  expect(runs.sort()).toEqual([
    ['delayed', 5, 6],
    ['waiting', 3, 4],
  ])

  // And what is new beside it.
  expect(await app.send('add', [1, 1]).get({ timeout: '20s' })).toBe(2)
  await app.schedules.remove('hourly')
  expect(await app.schedules.list()).toEqual([])
  await eventually(
    () => app.queueSize('held'),
    (size) => size === 0,
  )
})

function warnings() {
  const lines: string[] = []
  const write = (chunk: Buffer, _encoding: BufferEncoding, done: () => void): void => {
    lines.push((JSON.parse(chunk.toString()) as { msg: string }).msg)
    done()
  }
  return { logger: createLogger('warn', new Writable({ write })), lines }
}
