import { DatabaseSync } from 'node:sqlite'
import { expect, it } from 'vitest'
import { START, useScene } from './scene.ts'

const scene = useScene()

const SENTINELS = [
  'SENTINEL-args',
  'SENTINEL-kwargs',
  'SENTINEL-error',
  'SENTINEL-trace',
  'SENTINEL-tag',
  'SENTINEL-id',
]

/** A job with a sentinel in each of its texts, among others, in every place that the file has. */
function secretive(): ReturnType<typeof scene> {
  const opened = scene()
  for (let round = 0; round < 5; round++)
    opened.write(
      Array.from({ length: 200 }, (_, at) => opened.job(`id-${round}-${at}`, { args: `('other ${at}',)` })).flat(),
    )
  const uuid = 'SENTINEL-id'
  const received = { type: 'task-received', uuid, at: 0, name: 'shop.secret', kwargs: "{'a': 'SENTINEL-kwargs'}" }
  const description = { owner: 'SENTINEL-owner', tags: ['SENTINEL-tag'] }
  opened.write([opened.event({ ...received, args: "('first',)" })], { [uuid]: description })
  opened.index()
  const progress = Array.from({ length: 100 }, (_, at) =>
    opened.event({ type: 'task-progress', uuid, at: 10 + at, note: 'SENTINEL-args' }),
  )
  opened.write([opened.event({ ...received, at: 1, args: "('SENTINEL-args',)" }), ...progress])
  const failed = { type: 'task-failed', exception: "ValueError('SENTINEL-error')", traceback: 'SENTINEL-trace' }
  opened.write([opened.event({ ...failed, uuid, at: 500 })])
  opened.index()
  opened.write(Array.from({ length: 200 }, (_, at) => opened.job(`id-x-${at}`)).flat())
  return opened
}

const forgets = [
  ['by id', { ids: ['SENTINEL-id'] }],
  ['by owner', { owner: 'SENTINEL-owner' }],
  ['by tag', { tag: 'SENTINEL-tag' }],
] as const

it.each(forgets)('%s: nothing of the job is left in the bytes of the file and its log', (_, filter) => {
  const opened = secretive()
  expect(opened.textsIn(SENTINELS)).toEqual(SENTINELS)
  expect(opened.ids({ q: 'sentinel-args sentinel-error' })).toEqual(['SENTINEL-id'])
  expect(opened.file.calls.forget({ filter, ended: false, now: opened.now })).toMatchObject({ count: 1 })
  opened.file.calls.forget({ filter, ended: false, from: 0, now: opened.now })
  expect(opened.textsIn(SENTINELS)).toEqual([])
  expect(opened.ids({ q: 'sentinel' })).toEqual([])
  expect(opened.file.calls.failures({ limit: 10 }, opened.now).groups).toEqual([])
  // Not even its trigrams are left.
  opened.file.close()
  const db = new DatabaseSync(opened.path)
  db.exec('CREATE VIRTUAL TABLE temp.words USING fts5vocab(main, job_text_1, instance)')
  const left = db.prepare("SELECT term FROM temp.words WHERE term IN ('sen', 'ent', 'nti', 'tin', 'ine', 'nel')").all()
  db.close()
  expect(left).toEqual([])
})

it('late events of a forgotten job are not recorded; a group of failures shows another job', () => {
  const opened = scene()
  opened.write([
    ...opened.failure('id-1', "ValueError('one')"),
    ...opened.failure('id-2', "ValueError('one')", { at: 100 }),
  ])
  const group = () => opened.file.calls.failures({ limit: 10 }, opened.now).groups[0]
  expect(group()).toMatchObject({ lastJob: 'id-2', count: 2 })
  opened.file.calls.forget({ filter: { ids: ['id-2', 'id-3'] }, ended: false, now: opened.now })
  opened.reopen()
  opened.write([...opened.job('id-2', { at: 200 }), ...opened.job('id-3')])
  expect(opened.ids({})).toEqual(['id-1'])
  expect(group()).toMatchObject({ lastJob: 'id-1', count: 2 })
})

it('with `ended`, those that run stay', () => {
  const opened = scene()
  opened.write([...opened.job('id-1'), opened.event({ type: 'task-received', uuid: 'id-2', at: 0 })], {
    'id-1': { owner: 'ann' },
    'id-2': { owner: 'ann' },
  })
  opened.file.calls.forget({ filter: { owner: 'ann' }, ended: true, now: START })
  expect(opened.ids({})).toEqual(['id-2'])
})
