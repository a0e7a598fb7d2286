import { expect, it } from 'vitest'
import { START, useScene } from './scene.ts'

const scene = useScene()
const HOUR = 3_600_000

it('by age: jobs, events and statistics each for their own time, in steps', () => {
  const opened = scene({ jobs: 10 * HOUR, events: 2 * HOUR, stats: 100 * HOUR })
  const old = Array.from({ length: 1200 }, (_, at) => opened.job(`old-${at}`))
  for (let at = 0; at < 1200; at += 300) opened.write(old.slice(at, at + 300).flat())
  opened.index()
  const status = () => opened.file.calls.status(opened.now)
  opened.now = START + 3 * HOUR
  expect(opened.file.calls.keep(opened.now)).toBe(false)
  expect(status()).toMatchObject({ jobs: 1200, events: 0 })
  opened.write(opened.job('new', { at: 3 * HOUR }))
  opened.now = START + 11 * HOUR
  let steps = 1
  while (opened.file.calls.keep(opened.now)) steps++
  expect(steps).toBe(3)
  expect(opened.ids({})).toEqual(['new'])
  expect(opened.ids({ q: 'old' })).toEqual([])
  const hours = () =>
    opened.file.calls.stats({ from: START - HOUR, to: opened.now, step: '1h', by: 'all' }, opened.now).series[0]?.points
  expect(hours()?.map(({ succeeded }) => succeeded)).toEqual([1200, 1])
  expect(
    opened.file.calls.stats({ from: START, to: START + 60_000, step: '1s', by: 'all' }, opened.now).series,
  ).toEqual([])
  opened.now = START + 200 * HOUR
  while (opened.file.calls.keep(opened.now));
  expect(hours()).toBeUndefined()
  expect(status()).toMatchObject({ jobs: 0 })
})

it('by size: the oldest events and jobs go, and ingest never waits for more than a step', () => {
  const maxBytes = 8 * 2 ** 20
  const opened = scene({ maxBytes })
  let bytes = 0
  for (let round = 0; round < 60; round++) {
    opened.now += 1000
    const jobs = Array.from({ length: 200 }, (_, at) =>
      opened.job(`id-${round}-${at}`, { at: round * 1000, args: `('${'x'.repeat(300)} ${round} ${at}',)` }),
    )
    opened.write(jobs.flat())
    for (let step = 0; step < 4 && opened.file.calls.keep(opened.now); step++);
    bytes = Math.max(bytes, opened.file.calls.status(opened.now).bytes)
  }
  // The write-ahead log is beside the file, and pages that are free are kept for new data.
  expect(bytes).toBeLessThan(3 * maxBytes)
  const { jobs } = opened.file.calls.status(opened.now)
  expect(jobs).toBeGreaterThan(1000)
  expect(jobs).toBeLessThan(12_000)
  expect(opened.ids({ q: 'id-59-199' })).toEqual(['id-59-199'])
  expect(opened.ids({ ids: ['id-0-0'] })).toEqual([])
})
