import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { emptyPostgres } from '../../../test/postgres/shared.ts'
import { type Database, openDatabase } from '../app/models/database.ts'
import { claimNumbers, releaseNumbers, updateNumbers } from '../app/models/numbers.ts'
import { findRequest, storeRequest } from '../app/models/requests.ts'

const folder = mkdtempSync(join(tmpdir(), 'numbers-'))

afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe.each(['sqlite', 'postgres'])('on %s', (kind) => {
  const open: Database[] = []

  /** As two processes have it, which start at once on a database without tables. A process has one connection to a file. */
  beforeAll(async () => {
    const url = kind === 'postgres' ? await emptyPostgres() : `sqlite:${join(folder, 'numbers.db')}`
    const first = openDatabase(url)
    open.push(...(await Promise.all([first, kind === 'postgres' ? openDatabase(url) : first])))
  })

  afterAll(() => Promise.all(open.map((db) => db.destroy())))

  const dbs = (): [Database, Database] => open as [Database, Database]

  it('a request is stored as it is', async () => {
    const [db, other] = dbs()
    const request = { rid: 'all', numbers: [51, -0.5, 1e308, 2 ** 53], jobtodo: ['sum', 'mul', 'plus', 'sum'] }
    expect(await storeRequest(db, request, 'task')).toBe(true)
    const stored = await findRequest(other, 'all')
    expect(stored).toMatchObject({ ...request, result: [null, null, null, null] })
    expect(new Set(stored?.numbers_id).size).toBe(4)
    expect(await findRequest(db, 'none')).toBeUndefined()
  })

  it('its rid once; the task that stored it may say so twice', async () => {
    const [db, other] = dbs()
    const request = { rid: 'twice', numbers: [1], jobtodo: ['none'] }
    const answers = await Promise.all([storeRequest(db, request, 'a'), storeRequest(other, request, 'b')])
    expect(answers.sort()).toEqual([false, true])
    const stored = await findRequest(db, 'twice')
    expect(stored?.numbers).toEqual([1])
    const [first, second] = [await storeRequest(db, request, 'a'), await storeRequest(db, request, 'b')]
    expect([first, second].sort()).toEqual([false, true])
    expect(await findRequest(db, 'twice')).toEqual(stored)
  })

  it('each number is claimed by one task, however many ask at once', async () => {
    const numbers = Array.from({ length: 1000 }, (_, at) => at)
    const jobtodo = numbers.map(() => 'job')
    for (const rid of ['x', 'y', 'z']) await storeRequest(dbs()[0], { rid, numbers, jobtodo }, rid)
    const claims = await Promise.all(
      ['1', '2', '3', '4', '5', '6'].map((task, at) => claimNumbers(dbs()[at % 2]!, 'job', task)),
    )
    // Who waited for another's claim may be left with less than there is: the next tick has it.
    claims.push(await claimNumbers(dbs()[0], 'job', '7'), await claimNumbers(dbs()[1], 'job', '8'))
    claims.push(await claimNumbers(dbs()[0], 'job', '9'))
    const ids = claims.flatMap((claim) => claim.numbers_id)
    expect(new Set(ids).size).toBe(ids.length)
    expect(ids.length).toBe(3000)
  })

  it('a task that runs again finds what it had claimed; what is released waits again', async () => {
    const [db, other] = dbs()
    await storeRequest(db, { rid: 'again', numbers: [1, 2], jobtodo: ['twin', 'other'] }, 'again')
    const claim = await claimNumbers(db, 'twin', 'first')
    expect(claim.numbers).toEqual([1])
    expect((await findRequest(other, 'again'))?.jobtodo).toEqual(['twin_Doing', 'other'])
    expect(await claimNumbers(other, 'twin', 'first')).toEqual(claim)
    expect((await claimNumbers(other, 'twin', 'second')).numbers).toEqual([])
    await releaseNumbers(other, 'twin', 'second')
    expect((await claimNumbers(other, 'twin', 'second')).numbers).toEqual([])
    await releaseNumbers(other, 'twin', 'first')
    expect(await claimNumbers(other, 'twin', 'second')).toEqual(claim)
  })

  it('an update is written whole, or not at all', async () => {
    const [db] = dbs()
    await storeRequest(db, { rid: 'up', numbers: [1, 2], jobtodo: ['a', 'b'] }, 'up')
    const { numbers_id = [] } = (await findRequest(db, 'up')) ?? {}
    const update = { numbers_id, numbers: [1, 2], jobtodo_new: ['a_Done', 'b_Done'], result: [3, null] }
    expect(await updateNumbers(db, { ...update, numbers: [1, 3] })).toBe(false)
    expect(await updateNumbers(db, { ...update, numbers_id: [numbers_id[0]!, 999_999] })).toBe(false)
    expect(await findRequest(db, 'up')).toMatchObject({ jobtodo: ['a', 'b'], result: [null, null] })
    for (const _ of [1, 2]) expect(await updateNumbers(db, update)).toBe(true)
    expect(await findRequest(db, 'up')).toMatchObject({ jobtodo: ['a_Done', 'b_Done'], result: [3, null] })
  })
})

it('processes that start at once on a file without tables: one of them makes them', async () => {
  const module = new URL('../app/models/database.ts', import.meta.url).href
  const script = `const { openDatabase } = await import('${module}')
    const db = await openDatabase('sqlite:${join(folder, 'many.db')}')
    console.log((await db.selectFrom('kysely_migration').select('name').execute()).length)
    await db.destroy()`
  const args = ['--conditions=source', '--disable-warning=ExperimentalWarning', '--input-type=module', '-e', script]
  const runs = [1, 2, 3, 4].map(() => promisify(execFile)(process.execPath, args))
  expect((await Promise.all(runs)).map(({ stdout, stderr }) => stdout + stderr)).toEqual(['3\n', '3\n', '3\n', '3\n'])
})

it('another kind of database is refused', async () => {
  await expect(openDatabase('mysql://nowhere')).rejects.toThrow(/expected sqlite:<file> or postgres:/)
})
