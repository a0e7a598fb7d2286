import fc from 'fast-check'
import { expect, it } from 'vitest'
import { Cluster } from '../../src/events/cluster.ts'
import { Inbox } from '../../src/recorder/inbox.ts'
import { systemClock } from '../../src/std/clock.ts'
import { isFull, runs } from '../tier.ts'
import { Scene, START } from './scene.ts'

const FIELDS = ['name', 'args', 'kwargs', 'retries', 'eta', 'expires', 'root_id', 'parent_id', 'queue', 'result']
const REST = ['runtime', 'exception', 'traceback', 'clock', 'pid', 'freq', 'active', 'loadavg', 'sw_ident', 'jobs']
const TYPES = [
  'task-sent',
  'task-received',
  'task-started',
  'task-failed',
  'task-succeeded',
  'task-x',
  'worker-heartbeat',
]

const value = fc.oneof(
  fc.anything({ maxDepth: 2 }),
  fc.string({ unit: 'binary' }),
  fc.constantFrom(null, -1, 1e300, '', '\0'),
)
const hostile = fc.record({
  type: fc.constantFrom(...TYPES, 'jobs-forgotten', 'other-thing', 'task-', 'worker-'),
  hostname: fc.oneof(fc.string({ unit: 'binary', minLength: 1, maxLength: 20 }), fc.constant('w1')),
  timestamp: fc.oneof(fc.double({ noNaN: true }), fc.integer(), fc.constant(START / 1000)),
  uuid: fc.oneof(fc.constantFrom('one', 'two'), fc.string({ unit: 'binary', minLength: 1, maxLength: 40 })),
  fields: fc.dictionary(fc.constantFrom(...FIELDS, ...REST), value),
})

it('whatever an event has in its fields, it is written, and everything can be asked', () => {
  fc.assert(
    fc.property(fc.array(hostile, { maxLength: 20 }), (given) => {
      const scene = new Scene()
      scene.now = START + 60_000
      try {
        const cluster = new Cluster({ maxTasks: 1, maxWorkers: 1, maxAge: 1e12 }, systemClock)
        const inbox = new Inbox()
        for (const { fields, ...facts } of given) {
          const event = cluster.fold({ ...fields, ...facts })
          if (event) inbox.add(event, scene.now)
        }
        scene.writeTexts(inbox.peek().texts)
        scene.index()
        const { calls } = scene.file
        const { jobs } = calls.jobs({ limit: 1000 }, scene.now)
        for (const { id } of jobs) calls.history(id, scene.now)
        calls.jobs({ limit: 10, q: 'one' }, scene.now)
        calls.facets({}, scene.now)
        calls.eventsAfter({ after: 0 }, scene.now)
        calls.failures({ limit: 10 }, scene.now)
        calls.workers(scene.now)
        calls.stats({ from: START, to: START + 60_000, step: '1m', by: 'task' }, scene.now)
        while (calls.keep(scene.now));
        scene.file.calls.forget({ filter: { ids: jobs.map(({ id }) => id) }, ended: false, now: scene.now })
        expect(scene.ids({ limit: 1000 })).toEqual([])
      } finally {
        scene.end()
      }
    }),
    { numRuns: runs(isFull ? 300 : 60) },
  )
})
