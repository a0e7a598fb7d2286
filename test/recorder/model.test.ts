import fc from 'fast-check'
import { expect, it } from 'vitest'
import { Cluster } from '../../src/events/cluster.ts'
import type { Event } from '../../src/protocol/event.ts'
import { COUNTERS } from '../../src/recorder/fold/rollups.ts'
import { systemClock } from '../../src/std/clock.ts'
import { isFull, runs } from '../tier.ts'
import { Scene, START } from './scene.ts'

/* The file against a model: a set of the events that came, and `Cluster`, which keeps everything in memory. */

const KINDS = ['sent', 'received', 'started', 'succeeded', 'failed', 'retried', 'revoked', 'rejected', 'progress']
const FIELDS: Readonly<Record<string, object>> = {
  sent: { name: 'shop.add', args: '(1,)', queue: 'q1' },
  received: { name: 'shop.add', args: '(1,)', kwargs: '{}' },
  succeeded: { result: '3', runtime: 0.25 },
  failed: { exception: "ValueError('no 7')", traceback: 'Traceback' },
  retried: { exception: "ValueError('no 8')" },
}

const event: fc.Arbitrary<Event> = fc
  .record({
    job: fc.integer({ min: 0, max: 3 }),
    kind: fc.constantFrom(...KINDS),
    at: fc.integer({ min: 0, max: 20 }),
    clock: fc.integer({ min: 1, max: 3 }),
    worker: fc.constantFrom('w1', 'w2'),
  })
  .map(({ job, kind, at, clock, worker }) => ({
    type: `task-${kind}`,
    hostname: worker,
    timestamp: START / 1000 + at,
    clock,
    uuid: `id-${job}`,
    ...FIELDS[kind],
  }))

/** One transaction; then perhaps a crash, or that a job is forgotten. */
const step = fc.record({
  events: fc.array(event, { maxLength: 8 }),
  next: fc.constantFrom('nothing', 'nothing', 'crash', 'forget', 'index', 'keep'),
})

function identityOf({ uuid, type, hostname, timestamp, clock }: Event): string {
  return [uuid, type, hostname, timestamp, type === 'task-sent' ? 0 : clock].join()
}

class Model {
  readonly cluster = new Cluster({ maxTasks: 1000, maxWorkers: 1000, maxAge: 1e12 }, systemClock)
  readonly seen = new Map<string, Event>()
  readonly forgotten = new Set<string>()
  /** Of all events, also those of jobs that were forgotten: sums are of nobody. */
  readonly counts: Record<string, number> = {}

  add(one: Event): void {
    const { uuid = '' } = one
    if (this.forgotten.has(uuid) || this.seen.has(identityOf(one))) return
    this.seen.set(identityOf(one), one)
    this.cluster.fold(one)
    const kind = one.type.slice(5)
    this.counts[kind] = (this.counts[kind] ?? 0) + 1
  }

  forget(id: string): void {
    this.forgotten.add(id)
    for (const [identity, { uuid }] of this.seen) if (uuid === id) this.seen.delete(identity)
  }

  /** Of those that are known. */
  states(): Record<string, string> {
    const tasks = [...this.cluster.tasks].filter(([id]) => !this.forgotten.has(id))
    return Object.fromEntries(tasks.map(([id, { state }]) => [id, state]))
  }

  count(test: (event: Event) => boolean): number {
    return [...this.seen.values()].filter(test).length
  }
}

function check(scene: Scene, model: Model): void {
  const { calls } = scene.file
  const jobs = calls.jobs({ limit: 100 }, scene.now).jobs
  expect(Object.fromEntries(jobs.map(({ id, state }) => [id, state]))).toEqual(model.states())
  for (const { id } of jobs) {
    const history = calls.history(id, scene.now)
    expect(history?.steps).toHaveLength(model.count(({ uuid }) => uuid === id))
    const of = [...model.seen.values()].filter(({ uuid }) => uuid === id).map(({ timestamp }) => timestamp * 1000)
    expect([history?.job.firstAt, history?.job.changedAt]).toEqual([Math.min(...of), Math.max(...of)])
  }
  for (const step of ['1s', '1m', '1h'] as const) {
    const { series } = calls.stats(
      { from: START - 3_600_000, to: START + 60_000, step: step === '1s' ? '1m' : step, by: 'all' },
      scene.now,
    )
    const points = series[0]?.points ?? []
    for (const counter of COUNTERS)
      expect([counter, points.reduce((sum, point) => sum + point[counter], 0)]).toEqual([
        counter,
        model.counts[counter] ?? 0,
      ])
  }
  expect(calls.eventsAfter({ after: 0 }, scene.now).events).toHaveLength(model.seen.size)
  expect(calls.status(scene.now).jobs).toBe(jobs.length)
}

it('whatever comes, however often, in whatever order, and wherever it crashes: each event counts once', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
      const scene = new Scene()
      scene.now = START + 30_000
      const model = new Model()
      try {
        for (const { events, next } of steps) {
          scene.write(events)
          for (const one of events) model.add(one)
          if (next === 'crash') scene.reopen()
          if (next === 'index') scene.index()
          if (next === 'keep') scene.file.calls.keep(scene.now)
          if (next === 'forget') {
            scene.file.calls.forget({ filter: { ids: ['id-0'] }, ended: false, now: scene.now })
            model.forget('id-0')
          }
        }
        check(scene, model)
      } finally {
        scene.end()
      }
    }),
    { numRuns: runs(isFull ? 300 : 60) },
  )
})
