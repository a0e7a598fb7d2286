import { describe, expect, it } from 'vitest'
import { ArgumentError } from '../../src/std/errors.ts'
import { useScene } from './scene.ts'

const scene = useScene()

/** Three jobs that differ in everything. */
function three(): ReturnType<typeof scene> {
  const opened = scene()
  opened.write(
    [
      ...opened.job('id-aaa', { name: 'shop.mail', args: "('Anna Müller', 17)", queue: 'mail' }),
      ...opened.failure('id-bbb', 'ValueError(\'no row 42 in "customers"\')'),
      ...opened.job('id-ccc', { name: 'shop.add', kwargs: "{'path': 'a%b_c*'}", queue: 'mail', hostname: 'w2@test' }),
    ],
    { 'id-aaa': { owner: 'ann', tags: ['night run', 'x'] }, 'id-ccc': { owner: 'bob', tags: ['x'] } },
  )
  return opened
}

const QUERIES: readonly (readonly [query: Record<string, unknown>, found: readonly string[]])[] = [
  [{}, ['id-ccc', 'id-bbb', 'id-aaa']],
  [{ q: 'müller' }, ['id-aaa']],
  [{ q: 'MÜLLER 17' }, ['id-aaa']],
  [{ q: 'ID-B' }, ['id-bbb']],
  [{ q: 'customers valueerror' }, ['id-bbb']],
  [{ q: 'night' }, ['id-aaa']],
  [{ q: 'shop.a' }, ['id-ccc']],
  [{ q: 'a%b_c*' }, ['id-ccc']],
  [{ q: '"customers"' }, ['id-bbb']],
  [{ q: 'XOR' }, []],
  [{ q: 'shop AND mail' }, []],
  [{ q: "'17'); DROP TABLE job; --" }, []],
  [{ q: 'x' }, ['id-ccc', 'id-aaa']],
  [{ q: '42' }, ['id-bbb']],
  [{ states: ['FAILURE'] }, ['id-bbb']],
  [{ states: ['SUCCESS', 'FAILURE'] }, ['id-ccc', 'id-bbb', 'id-aaa']],
  [{ states: [] }, []],
  [{ tasks: ['shop.mail', 'shop.add'] }, ['id-ccc', 'id-aaa']],
  [{ queues: ['mail'] }, ['id-ccc', 'id-aaa']],
  [{ workers: ['w2@test'] }, ['id-ccc']],
  [{ owner: 'ann' }, ['id-aaa']],
  [{ owner: 'ann', q: 'shop.add' }, []],
  [{ owner: 'nobody' }, []],
  [{ tag: 'x' }, ['id-ccc', 'id-aaa']],
  [{ tag: 'x', owner: 'bob' }, ['id-ccc']],
  [{ ids: ['id-aaa', 'id-zzz'] }, ['id-aaa']],
  [{ ids: [] }, []],
]

describe('jobs: which are found', () => {
  it.each([
    ['at once', false],
    ['in the full text', true],
  ])('%s', (_, isIndexed) => {
    const opened = three()
    // `job` sets the worker's name in its first event alone.
    opened.write([opened.event({ type: 'task-succeeded', uuid: 'id-ccc', at: 40, hostname: 'w2@test' })])
    if (isIndexed) opened.index()
    expect(QUERIES.map(([query]) => [query, opened.ids(query)])).toEqual(QUERIES)
  })

  it('pages by a cursor, each job once', () => {
    const opened = scene()
    opened.write(Array.from({ length: 25 }, (_, at) => opened.job(`id-${at}`)).flat())
    const found: string[] = []
    let cursor: string | undefined
    do {
      const page = opened.file.calls.jobs({ limit: 10, cursor }, opened.now)
      found.push(...page.jobs.map(({ id }) => id))
      cursor = page.cursor
    } while (cursor !== undefined)
    expect(found).toEqual(Array.from({ length: 25 }, (_, at) => `id-${24 - at}`))
  })

  it.each([
    { limit: 0 },
    { limit: 1001 },
    { limit: 10, cursor: '1 OR 1' },
    { limit: 10, q: '' },
    { limit: 10, q: 'x'.repeat(201) },
    { limit: 10, q: 'a\u0000b' },
  ])('refuses %j', (query) => {
    const opened = three()
    expect(() => opened.file.calls.jobs(query, opened.now)).toThrow(ArgumentError)
  })

  it('by the time in which they were first seen, and a workflow by its root', () => {
    const opened = scene()
    opened.write(opened.job('old', { root_id: 'old' }))
    opened.now += 60_000
    opened.write(opened.job('new', { root_id: 'old', parent_id: 'old' }))
    expect(opened.ids({ since: opened.now })).toEqual(['new'])
    expect(opened.ids({ until: opened.now })).toEqual(['old'])
    expect(opened.ids({ rootId: 'old' })).toEqual(['new', 'old'])
    expect(opened.ids({ rootId: 'other' })).toEqual([])
  })

  it('facets count what fits', () => {
    const facets = three().file.calls.facets({ tag: 'x' }, Date.now())
    expect(facets).toMatchObject({
      total: 2,
      isPartial: false,
      states: [{ value: 'SUCCESS', count: 2 }],
      queues: [{ value: 'mail', count: 2 }],
    })
  })

  it('a text that changes after it was added is found by what it is now', () => {
    const opened = scene()
    opened.write([opened.event({ type: 'task-received', uuid: 'late', at: 0, name: 'shop.late', args: "('before',)" })])
    opened.index()
    expect(opened.ids({ q: 'before' })).toEqual(['late'])
    opened.write([opened.event({ type: 'task-failed', uuid: 'late', at: 9000, exception: "KeyError('elephant')" })])
    expect(opened.ids({ q: 'elephant before' })).toEqual(['late'])
    opened.write([opened.event({ type: 'task-received', uuid: 'late', at: 9500, args: "('giraffe',)" })])
    expect(opened.ids({ q: 'giraffe elephant' })).toEqual(['late'])
    expect(opened.ids({ q: 'before' })).toEqual([])
  })
})
