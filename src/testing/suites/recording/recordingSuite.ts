import assert from 'node:assert/strict'
import type { Event } from '../../../protocol/event.ts'
import type { Followed, RecordedHistory, Recording } from '../../../recorder/recording.ts'
import { ArgumentError } from '../../../std/errors.ts'
import { type Kit, until, within } from '../../kit.ts'

/** A record that is being written, and the fleet that it is of. */
export interface OpenedRecording {
  readonly recording: Recording
  /** Send events as workers do, in one message. */
  send(events: readonly Event[]): Promise<void>
  /** Now, by the clock of the app, ms. */
  now(): number
  close(): Promise<void>
}

type Case = (name: string, body: (opened: Scene) => Promise<void>) => void

/** What a record of a fleet must do: each case is a sentence of the contract in `recorder/recording.ts`. */
export function recordingSuite(kit: Kit, name: string, open: () => Promise<OpenedRecording>): void {
  const it: Case = (title, body) => {
    kit.it(title, async () => {
      const opened = await open()
      try {
        await body(new Scene(opened))
      } finally {
        await opened.close()
      }
    })
  }
  kit.describe(`recording of ${name}`, () => {
    jobs(it)
    searches(it)
    numbers(it)
    events(it)
    changes(it)
    removal(it)
    audit(it)
  })
}

/** Events of a worker `w1@suite`. */
class Scene {
  readonly recording: Recording
  readonly opened: OpenedRecording
  readonly start: number
  #clock = 0

  constructor(opened: OpenedRecording) {
    this.opened = opened
    this.recording = opened.recording
    this.start = opened.now()
  }

  event(type: string, uuid: string | undefined, at: number, fields: object = {}): Event {
    const facts = { hostname: 'w1@suite', pid: 1, clock: ++this.#clock, timestamp: (this.start + at) / 1000 }
    return { type, ...facts, ...(uuid !== undefined && { uuid }), ...fields }
  }

  succeeded(id: string, fields: object = {}): Event[] {
    return [
      this.event('task-received', id, 0, { name: 'suite.add', args: '(1, 2)', kwargs: '{}', queue: 'fast', ...fields }),
      this.event('task-started', id, 100),
      this.event('task-succeeded', id, 300, { result: '3', runtime: 0.2 }),
    ]
  }

  failed(id: string, exception: string): Event[] {
    return [
      this.event('task-received', id, 0, { name: 'suite.bad', args: "('x',)", kwargs: '{}', queue: 'slow' }),
      this.event('task-started', id, 100),
      this.event('task-failed', id, 400, { exception, traceback: 'Traceback' }),
    ]
  }

  /** Send these, and wait until the jobs are recorded with as many steps. */
  async record(...lists: readonly Event[][]): Promise<void> {
    const sent = lists.flat()
    await this.opened.send(sent)
    for (const id of new Set(sent.flatMap(({ uuid }) => uuid ?? []))) {
      const count = sent.filter(({ uuid }) => uuid === id).length
      await until(`${count} events of ${id}`, async () => ((await this.recording.job(id))?.steps.length ?? 0) >= count)
    }
  }

  /** All of the hour, as one series. */
  hour(): { from: number; to: number; step: '1h'; by: 'all' } {
    return { from: this.start - 3_600_000, to: this.start + 3_600_000, step: '1h', by: 'all' }
  }

  async ids(query: object): Promise<string[]> {
    return (await this.recording.jobs({ limit: 100, ...query })).jobs.map(({ id }) => id).sort()
  }
}

function jobs(it: Case): void {
  it('job: what its events say, and each of them', async (scene) => {
    await scene.record(scene.succeeded('one'), scene.failed('two', "ValueError('no row 7')"))
    const one = (await scene.recording.job('one')) as RecordedHistory
    const { job, steps } = one
    assert.deepEqual(
      [job.task, job.state, job.args, job.result, job.queue, job.worker, job.runtime, job.wait, job.tags],
      ['suite.add', 'SUCCESS', '(1, 2)', '3', 'fast', 'w1@suite', 200, 100, []],
    )
    assert.deepEqual(
      [job.firstAt, job.startedAt, job.endedAt],
      [0, 100, 300].map((at) => scene.start + at),
    )
    const types = steps.map(({ type, at, worker }) => [type, at - scene.start, worker])
    assert.deepEqual(types, [
      ['task-received', 0, 'w1@suite'],
      ['task-started', 100, 'w1@suite'],
      ['task-succeeded', 300, 'w1@suite'],
    ])
    const two = await scene.recording.job('two')
    assert.deepEqual([two?.job.state, two?.job.exception], ['FAILURE', "ValueError('no row 7')"])
    assert.equal(await scene.recording.job('three'), undefined)
  })

  it('events that come twice, or in another order, change nothing', async (scene) => {
    const events = scene.succeeded('one')
    await scene.record([...events].reverse(), scene.succeeded('two'))
    await scene.opened.send(events)
    await scene.record(scene.succeeded('three'))
    const one = await scene.recording.job('one')
    assert.deepEqual([one?.job.state, one?.steps.length], ['SUCCESS', 3])
    const { series } = await scene.recording.stats(scene.hour())
    assert.deepEqual(
      series.map(({ points }) => points.reduce((sum, { succeeded }) => sum + succeeded, 0)),
      [3],
    )
  })
}

function searches(it: Case): void {
  it('jobs: by each filter, by text, and by pages; facets count them', async (scene) => {
    await scene.record(
      scene.succeeded('one'),
      scene.succeeded('two', { name: 'suite.other', kwargs: "{'who': 'Zoë'}" }),
    )
    await scene.record(scene.failed('three', "KeyError('lost')"))
    assert.deepEqual(await scene.ids({}), ['one', 'three', 'two'])
    assert.deepEqual(await scene.ids({ states: ['FAILURE'] }), ['three'])
    assert.deepEqual(await scene.ids({ tasks: ['suite.add', 'suite.bad'] }), ['one', 'three'])
    assert.deepEqual(await scene.ids({ queues: ['fast'], workers: ['w1@suite'] }), ['one', 'two'])
    assert.deepEqual(await scene.ids({ q: 'zoë suite' }), ['two'])
    assert.deepEqual(await scene.ids({ q: 'lost' }), ['three'])
    assert.deepEqual(await scene.ids({ q: '%' }), [])
    assert.deepEqual(await scene.ids({ states: [] }), [])
    const first = await scene.recording.jobs({ limit: 2 })
    const second = await scene.recording.jobs({ limit: 2, cursor: first.cursor })
    const found = [...first.jobs, ...second.jobs].map(({ id }) => id)
    assert.deepEqual([found.length, new Set(found).size, second.cursor], [3, 3, undefined])
    const { states, total } = await scene.recording.facets({ queues: ['fast'] })
    assert.deepEqual([states, total], [[{ value: 'SUCCESS', count: 2 }], 2])
    await assert.rejects(scene.recording.jobs({ limit: 0 }), ArgumentError)
    await assert.rejects(scene.recording.jobs({ limit: 1, cursor: 'x' }), ArgumentError)
    await assert.rejects(scene.recording.jobs({ limit: 1, q: '' }), ArgumentError)
  })
}

function numbers(it: Case): void {
  it('stats: counts and percentiles by task and queue; failures: groups', async (scene) => {
    await scene.record(scene.succeeded('one'), scene.succeeded('two'))
    await scene.record(scene.failed('three', "ValueError('no row 7')"), scene.failed('four', "ValueError('no row 8')"))
    const { series } = await scene.recording.stats({ ...scene.hour(), by: 'task' })
    const added = series.find(({ name }) => name === 'suite.add')
    const [add] = added?.points ?? []
    const { at: _, ...sums } = add ?? { at: 0 }
    assert.deepEqual(added?.total, sums)
    assert.deepEqual([add?.received, add?.started, add?.succeeded, add?.failed], [2, 2, 2, 0])
    const { p50 = 0 } = add?.run ?? {}
    assert.ok(Math.abs(p50 - 200) <= 10, `${p50}`)
    const queues = await scene.recording.stats({ ...scene.hour(), by: 'queue', names: ['slow'] })
    assert.deepEqual(
      queues.series.map(({ name, points }) => [name, points[0]?.failed]),
      [['slow', 2]],
    )
    const { groups } = await scene.recording.failures({ limit: 10 })
    assert.deepEqual(
      groups.map(({ task, type, count }) => [task, type, count]),
      [['suite.bad', 'ValueError', 2]],
    )
    const { fingerprint } = groups[0] as { fingerprint: string }
    assert.deepEqual(await scene.ids({ fingerprint }), ['four', 'three'])
    await assert.rejects(scene.recording.stats({ ...scene.hour(), from: 0, step: '1s' }), ArgumentError)
  })

  it('workers: what their heartbeats say; gaps: while nothing was recorded', async (scene) => {
    const beat = { freq: 2, active: 1, processed: 7, loadavg: [1, 2, 3], sw_ident: 'suite', sw_ver: '1', sw_sys: 'Any' }
    await scene.opened.send([scene.event('worker-online', undefined, 0, beat)])
    const found = async () => (await scene.recording.workers()).find(({ name }) => name === 'w1@suite')
    await until('the worker', async () => (await found()) !== undefined)
    const { isAlive, active, processed, software } = (await found()) as NonNullable<Awaited<ReturnType<typeof found>>>
    assert.deepEqual([isAlive, active, processed, software], [true, 1, 7, 'suite'])
    await scene.opened.send([scene.event('worker-offline', undefined, 10, beat)])
    await until('its end', async () => (await found())?.isAlive === false)
    const gaps = await scene.recording.gaps({ from: scene.start - 3_600_000, to: scene.opened.now() })
    assert.equal(gaps[0]?.reason, 'unrecorded')
    assert.equal((await scene.recording.status()).isRecording, true)
  })
}

function events(it: Case): void {
  it('follow: each event once, in its order, from a number on, and by type and task', async (scene) => {
    const end = new AbortController()
    const numbers: number[] = []
    const types: string[] = []
    const follow = async (after?: number): Promise<void> => {
      const options = { after, types: ['task-s*'], tasks: ['suite.add'], signal: end.signal }
      for await (const some of scene.recording.follow(options)) collect(some, numbers, types)
    }
    await scene.record(scene.succeeded('before'))
    const following = follow(0)
    await scene.record(scene.succeeded('one'), scene.failed('two', "ValueError('x')"), scene.succeeded('three'))
    await until('six events', () => types.length === 6)
    end.abort()
    await within('the end', following)
    assert.deepEqual(types, Array(3).fill(['task-started', 'task-succeeded']).flat())
    assert.deepEqual(
      numbers,
      [...numbers].sort((a, b) => a - b),
    )
    assert.equal(new Set(numbers).size, 6)
  })
}

function changes(it: Case): void {
  it('changes: the jobs that have changed after a number, each once; watch: each time that something is', async (scene) => {
    let writes = 0
    const unwatch = scene.recording.watch(() => {
      writes++
    })
    await scene.record(scene.succeeded('before'))
    await until('a write', () => writes > 0)
    const { last } = await scene.recording.changes({ limit: 10 })
    assert.deepEqual((await scene.recording.changes({ limit: 10, after: last })).jobs, [])
    await scene.record(scene.succeeded('one'), scene.failed('two', "ValueError('x')"))
    const found = await scene.recording.changes({ limit: 10, after: last })
    assert.deepEqual(
      found.jobs.map(({ id, state }) => [id, state]),
      [
        ['two', 'FAILURE'],
        ['one', 'SUCCESS'],
      ],
    )
    assert.ok(found.last > last)
    const { jobs, more } = await scene.recording.changes({ limit: 1, after: last })
    assert.deepEqual([jobs.length, more], [1, 1])
    assert.equal((await scene.recording.changes({ limit: 10, after: found.last + 1000 })).isMissed, true)
    unwatch()
    const before = writes
    await scene.record(scene.succeeded('three'))
    assert.equal(writes, before)
    assert.ok((await scene.recording.tasks()).includes('suite.add'))
    assert.deepEqual((await scene.recording.workflows({ limit: 10 })).workflows, [])
  })
}

function collect(some: Followed, numbers: number[], types: string[]): void {
  if (some.kind === 'missed') return
  for (const { number, type } of some.events) {
    numbers.push(number)
    types.push(type)
  }
}

function removal(it: Case): void {
  it('forget: nothing of the jobs is left, and their late events change nothing', async (scene) => {
    await scene.record(scene.succeeded('one'), scene.succeeded('two'))
    assert.equal(await scene.recording.forget({ ids: ['one', 'other'] }), 1)
    await scene.opened.send([scene.event('task-progress', 'one', 500)])
    await scene.record(scene.succeeded('three'))
    assert.deepEqual(await scene.ids({}), ['three', 'two'])
    const { series } = await scene.recording.stats(scene.hour())
    assert.equal(series[0]?.points[0]?.succeeded, 3)
  })
}

function audit(it: Case): void {
  it('audit: entries, the newest first, by who, by action and by pages', async (scene) => {
    const moment = (at: number): number => scene.start + at
    const entry = (who: string, action: string, at: number) => ({
      at: moment(at),
      who,
      action,
      target: 'queue mail',
      status: 200,
    })
    await scene.recording.audit(entry('ann', 'queue.purge', 1))
    await scene.recording.audit({ ...entry('bob', 'queue.pause', 2), details: { why: 'full' } })
    await scene.recording.audit(entry('ann', 'queue.pause', 3))
    const log = async (query: object) => (await scene.recording.auditLog({ limit: 10, ...query })).entries
    assert.deepEqual(
      (await log({})).map(({ at }) => at),
      [3, 2, 1].map(moment),
    )
    assert.deepEqual(await log({ who: 'bob' }), [{ ...entry('bob', 'queue.pause', 2), details: { why: 'full' } }])
    assert.equal((await log({ who: 'ann', action: 'queue.pause' })).length, 1)
    assert.equal((await log({ since: moment(2), until: moment(3) })).length, 1)
    const page = await scene.recording.auditLog({ limit: 2 })
    const rest = await scene.recording.auditLog({ limit: 2, cursor: page.cursor })
    assert.deepEqual([page.entries.length, rest.entries.length, rest.cursor], [2, 1, undefined])
  })
}
