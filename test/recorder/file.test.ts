import { closeSync, existsSync, openSync, readdirSync, renameSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, it } from 'vitest'
import { openRecorderFile } from '../../src/recorder/file/openFile.ts'
import { Ingest } from '../../src/recorder/fold/ingest.ts'
import { ConfigError } from '../../src/std/errors.ts'
import { START, useScene } from './scene.ts'

const scene = useScene()

const total = (opened: ReturnType<typeof scene>, step: '1s' | '1m' | '1h' = '1h') => {
  const { series } = opened.file.calls.stats(
    { from: START - 3_600_000, to: START + 1_000_000, step, by: 'all' },
    opened.now,
  )
  return series[0]?.points.reduce((sum, point) => sum + point.received + point.succeeded + point.failed, 0) ?? 0
}

describe('what is written', () => {
  it('an event that comes again counts once, also after a restart and among 1000 others', () => {
    const opened = scene()
    const progress = Array.from({ length: 1000 }, (_, at) =>
      opened.event({ type: 'task-progress', uuid: 'id-1', at: 100 + at, done: at }),
    )
    const [received, started, succeeded] = opened.job('id-1')
    const all = [received, started, ...progress, succeeded].map((event) => event as NonNullable<typeof event>)
    opened.write(all)
    opened.write(all.slice(0, 3))
    opened.reopen()
    opened.write(all)
    expect(total(opened)).toBe(2)
    expect(opened.file.calls.eventsAfter({ after: 0 }, opened.now).events).toHaveLength(1000)
    expect(opened.file.calls.status(opened.now)).toMatchObject({ jobs: 1, events: 1003 })
    const history = opened.file.calls.history('id-1', opened.now)
    expect(history?.steps).toHaveLength(1000)
    expect(history?.job).toMatchObject({ state: 'SUCCESS', runtime: 20 })
  })

  it('the state follows the rules of Celery, whatever the order in which events come', () => {
    const opened = scene()
    const [received, started, succeeded] = opened.job('id-1') as [never, never, never]
    opened.write([succeeded, received, started])
    expect(opened.file.calls.history('id-1', opened.now)).toMatchObject({
      job: { state: 'SUCCESS', task: 'shop.add', args: '(1, 2)', startedAt: START + 10, endedAt: START + 30 },
      steps: [{ type: 'task-received' }, { type: 'task-started' }, { type: 'task-succeeded' }],
    })
  })

  it('all of a transaction or nothing: one that fails leaves no trace, and can be repeated', () => {
    const opened = scene()
    opened.write(opened.job('before'))
    const next = opened.job('id-1')
    const spoiled = { ...opened.event({ type: 'task-failed', uuid: 'id-2', at: 0 }), toJSON: () => 'no event' }
    expect(() => opened.write([...next, spoiled])).toThrow()
    expect([total(opened), opened.ids({})]).toEqual([2, ['before']])
    opened.write(next)
    expect([total(opened), opened.ids({})]).toEqual([4, ['id-1', 'before']])
  })

  it('another process that has the lease is not disturbed, and takes over when it ends', () => {
    const opened = scene()
    const other = opened.open()
    const claim = { holder: 'two', now: opened.now, lease: 10_000 }
    expect(other.calls.claim(claim)).toBe('one')
    opened.now += 10_001
    expect(other.calls.claim({ ...claim, now: opened.now })).toBe('two')
    expect(opened.write(opened.job('id-1'))).toMatchObject({ isHeld: false })
    expect(opened.ids({})).toEqual([])
    other.close()
  })

  it('statistics: rates and percentiles by task and queue, within 5 %', () => {
    const opened = scene()
    const runs = Array.from({ length: 100 }, (_, at) => at + 1)
    opened.write(
      runs.flatMap((ms) => [
        opened.event({ type: 'task-received', uuid: `id-${ms}`, at: 0, name: 'shop.add', queue: 'fast' }),
        opened.event({ type: 'task-started', uuid: `id-${ms}`, at: ms }),
        opened.event({ type: 'task-succeeded', uuid: `id-${ms}`, at: 500, runtime: ms / 1000 }),
      ]),
    )
    opened.now += 1000
    const by = (name: 'task' | 'queue') =>
      opened.file.calls.stats({ from: START, to: START + 1000, step: '1s', by: name }, opened.now).series
    expect(by('task').map(({ name }) => name)).toEqual(['shop.add'])
    expect(by('queue').map(({ name }) => name)).toEqual(['fast'])
    const [point] = by('task')[0]?.points ?? []
    expect(point).toMatchObject({ at: START, received: 100, started: 100, succeeded: 100, failed: 0 })
    for (const [found, is] of [
      [point?.run?.p50, 50],
      [point?.run?.p95, 95],
      [point?.run?.p99, 99],
      [point?.wait?.p50, 50],
    ] as const)
      expect(Math.abs((found ?? 0) - is) / is).toBeLessThan(0.05)
  })

  it('failures are grouped by class and message but for numbers, ids and quotes; a regression is noticed', () => {
    const opened = scene()
    opened.write([
      ...opened.failure('id-1', 'ValueError(\'no row 17 in "a"\')'),
      ...opened.failure('id-2', 'ValueError(\'no row 18 in "b"\')', { at: 1000 }),
      ...opened.failure('id-3', "KeyError('no row 18')", { at: 2000 }),
      ...opened.job('id-4', { at: 60_000, name: 'shop.bad' }),
    ])
    const groups = () => opened.file.calls.failures({ limit: 10 }, opened.now).groups
    expect(groups()).toMatchObject([
      { type: 'KeyError', count: 1 },
      { type: 'ValueError', count: 2, message: 'no row 18 in "b"', lastJob: 'id-2', firstAt: START + 30 },
    ])
    expect(groups().some(({ regressedAt }) => regressedAt !== undefined)).toBe(false)
    opened.write(opened.failure('id-5', 'ValueError(\'no row 19 in "c"\')', { at: 4_000_000 }))
    expect(groups()[0]).toMatchObject({ type: 'ValueError', count: 3, regressedAt: START + 4_000_030 })
    const fingerprint = groups()[0]?.fingerprint
    expect(opened.ids({ fingerprint })).toEqual(['id-5', 'id-2', 'id-1'])
  })
})

describe('gaps', () => {
  it('while no recorder ran, and where events were lost', () => {
    const opened = scene()
    opened.now += 5000
    opened.write([])
    opened.now += 60_000
    opened.reopen()
    opened.now += 1000
    opened.write([])
    const gaps = () => opened.file.calls.gaps({ from: START - 1000, to: opened.now }, opened.now)
    expect(gaps()).toEqual([
      { from: START - 1000, to: START, reason: 'unrecorded' },
      { from: START + 5000, to: START + 65_000, reason: 'unrecorded' },
    ])
    opened.now += 100_000
    expect(gaps().at(-1)).toEqual({ from: START + 66_000, to: opened.now, reason: 'unrecorded' })
  })
})

describe('the file', () => {
  it('of a later version is refused, of another program or fleet too, and none of them is changed', () => {
    const opened = scene()
    opened.file.close()
    const db = new DatabaseSync(opened.path)
    db.exec('PRAGMA user_version = 99')
    db.close()
    expect(() => openRecorderFile(opened.path, 'redis://test', 0)).toThrow(
      /later version of celeriac \(recorder version 99/,
    )
    const back = new DatabaseSync(opened.path)
    back.exec('PRAGMA user_version = 1')
    back.close()
    expect(() => openRecorderFile(opened.path, 'redis://other', 0)).toThrow(
      /the record of redis:\/\/test, expected that of redis:\/\/other/,
    )
    const theirs = `${opened.path}-theirs`
    const their = new DatabaseSync(theirs)
    their.exec('CREATE TABLE customer (id)')
    their.close()
    expect(() => openRecorderFile(theirs, 'redis://test', 0)).toThrow(/another program/)
    writeFileSync(`${opened.path}.txt`, 'This is no database, it is a text. '.repeat(200))
    expect(() => openRecorderFile(`${opened.path}.txt`, 'redis://test', 0)).toThrow(ConfigError)
  })

  it('that is damaged is set aside, and a new one is begun', () => {
    const opened = scene()
    opened.write(opened.job('id-1'))
    opened.file.close()
    rmSync(`${opened.path}-wal`, { force: true })
    const page = 4096
    const bytes = Buffer.alloc(page, 'x')
    const handle = openSync(opened.path, 'r+')
    // The first table of the schema, after the header of the file.
    writeSync(handle, bytes.subarray(0, page - 100), 0, page - 100, 100)
    closeSync(handle)
    const { db, setAside } = openRecorderFile(opened.path, 'redis://test', 123)
    expect(setAside).toBe(`${opened.path}.corrupt-123`)
    expect(readdirSync(opened.folder)).toContain('recorder.db.corrupt-123')
    expect(db.prepare('SELECT count(*) AS count FROM job').get()).toEqual({ count: 0 })
    db.close()
  })

  it('whose full text is damaged makes it again', () => {
    const opened = scene()
    opened.write([...opened.job('id-1', { args: "('elephant',)" }), ...opened.job('id-2')])
    opened.index()
    const db = new DatabaseSync(opened.path)
    // Else its own tables cannot be changed.
    db.enableDefensive?.(false)
    db.exec('DELETE FROM job_text_1_data WHERE id > 10')
    db.close()
    let error: unknown
    try {
      opened.write([])
      opened.ids({ q: 'elephant' })
    } catch (thrown) {
      error = thrown
    }
    expect(error).toMatchObject({ errcode: 267 })
    opened.file.failed(error)
    expect(opened.ids({ q: 'elephant' })).toEqual(['id-1'])
    opened.index()
    expect(opened.ids({ q: 'elephant' })).toEqual(['id-1'])
  })

  it('that is removed while it is open is begun again', async () => {
    const opened = scene()
    opened.write(opened.job('id-1'))
    for (const suffix of ['', '-wal', '-shm']) renameSync(opened.path + suffix, `${opened.path}${suffix}.gone`)
    // The files are looked at twice a second.
    await new Promise((resolve) => setTimeout(resolve, 600))
    opened.begin()
    opened.write(opened.job('id-2'))
    expect(existsSync(opened.path)).toBe(true)
    expect(opened.ids({})).toEqual(['id-2'])
  })

  it('without room for more: the transaction fails whole, and the same one is written when there is', () => {
    const opened = scene()
    opened.file.close()
    const { db } = openRecorderFile(opened.path, 'redis://test', opened.now)
    const ingest = new Ingest(db)
    const events = Array.from({ length: 200 }, (_, at) => opened.job(`id-${at}`, { args: 'x'.repeat(500) }))
    const batch = {
      claim: { holder: 'one', now: opened.now, lease: 10_000 },
      coverage: 1,
      until: opened.now,
      events: events.flat().map((event) => JSON.stringify(event)),
      described: new Map(),
      losses: [],
    }
    const { page_count: pages } = db.prepare('PRAGMA page_count').get() as { page_count: number }
    db.exec(`PRAGMA max_page_count = ${pages + 10}`)
    expect(() => ingest.write(batch)).toThrow(/database or disk is full/)
    db.exec('PRAGMA max_page_count = 1000000')
    expect(ingest.write(batch)).toMatchObject({ isHeld: true })
    expect(db.prepare('SELECT count(*) AS count FROM event').get()).toEqual({ count: 600 })
    db.close()
    expect(total(opened)).toBe(400)
  })
})
