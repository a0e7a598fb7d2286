import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { until } from '../../../src/testing/kit.ts'
import { openSqliteParts } from '../../stores/standalone.ts'
import { Child } from './child.ts'
import { Folder } from './folder.ts'

describe('one file', () => {
  let folder: Folder
  const children: Child[] = []

  beforeEach(() => {
    folder = new Folder()
  })

  afterEach(async () => {
    await Promise.all(children.splice(0).map((child) => child.kill()))
    folder.remove()
  })

  it('eight processes open it anew, submit, work, read and watch: no error, nothing lost, nothing twice', async () => {
    for (let index = 0; index < 8; index++) children.push(new Child('hammer.ts', [folder.url(), `p${index}`, 2000]))
    await Promise.all(children.map((child) => child.says('loaded')))
    for (const child of children) child.tell({})
    const sent = (await Promise.all(children.map((child) => child.says('sent')))) as number[]
    const total = sent.reduce((sum, count) => sum + count, 0)
    const { broker, close } = openSqliteParts(folder.url(), {
      lease: 30_000,
      expires: 1000,
      serializer: 'json',
      accept: ['json'],
    })
    const rows = broker.file.db.prepare(`SELECT count(*) AS n FROM celeriac_result WHERE state = 'SUCCESS'`)
    await until('all are done', () => rows.get()?.n === total, 20_000)
    expect(await broker.size('q')).toBe(0)
    for (const child of children) child.tell({})
    const done = (await Promise.all(children.map((child) => child.says('done')))) as string[][]
    expect(await Promise.all(children.map((child) => child.end()))).toEqual(sent.map(() => 0))
    expect(done.flat().length).toBe(total)
    expect(new Set(done.flat()).size).toBe(total)
    // Each had its share: the lock starves nobody.
    expect(Math.min(...sent)).toBeGreaterThan(0)
    expect(broker.file.db.prepare('SELECT count(*) AS n FROM celeriac_message').get()?.n).toBe(0)
    expect(broker.file.db.prepare('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' })
    await close()
  })
})
