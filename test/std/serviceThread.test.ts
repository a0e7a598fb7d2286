import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { ServiceThread } from '../../src/std/serviceThread.ts'
import { eventually } from '../wait.ts'

type Command = { echo: string } | { die: true }

function create(data: object, file = new URL('modules/serviceThread.ts', import.meta.url)) {
  const heard: string[] = []
  const errors: string[] = []
  const thread = new ServiceThread<Command, string>({
    name: 'test',
    file: () => file,
    data,
    hear: (report) => heard.push(report),
    failed: (error) => errors.push(error.message),
    restarted: () => heard.push('restarted'),
  })
  onTestFinished(() => thread.close())
  return { thread, heard, errors }
}

test('open resolves when the thread listens, once for all callers', async () => {
  const { thread, heard } = create({ slow: 200 })
  const before = performance.now()
  await Promise.all([thread.open(), thread.open()])
  expect(performance.now() - before).toBeGreaterThan(200)
  expect(heard).toEqual(['listens'])
  thread.tell({ echo: 'a' })
  await eventually(
    async () => heard.length,
    (length) => length === 2,
  )
  expect(heard).toEqual(['listens', 'a'])
})

test('a thread that dies at its start rejects open, and the next call starts another', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'celeriac-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const { thread, heard } = create({ failOnce: join(folder, 'failed') })
  await expect(thread.open()).rejects.toThrow('dies at its start')
  await thread.open()
  expect(heard).toContain('listens')
})

test('a missing file rejects open', async () => {
  const { thread } = create({}, new URL('modules/none.ts', import.meta.url))
  await expect(thread.open()).rejects.toThrow(/none\.ts/)
})

test('a thread that dies is started anew, and its owner may repeat what it must know', async () => {
  const { thread, heard, errors } = create({})
  await thread.open()
  thread.tell({ die: true })
  await eventually(
    async () => heard,
    (all) => all.filter((one) => one === 'listens').length === 2,
  )
  expect(errors).toEqual(['dies'])
  expect(heard).toContain('restarted')
  thread.tell({ echo: 'again' })
  await eventually(
    async () => heard,
    (all) => all.includes('again'),
  )
})

test('close ends it for good, also twice, also before open', async () => {
  const { thread, heard } = create({})
  await thread.close()
  const other = create({})
  await other.thread.open()
  await other.thread.close()
  await other.thread.close()
  other.thread.tell({ echo: 'late' })
  expect([heard, other.heard]).toEqual([[], ['listens']])
})
