import { describe, expect, it } from 'vitest'
import { Celeriac } from '../../src/index.ts'
import { ArgumentError, ConfigError } from '../../src/std/errors.ts'
import { createLogger } from '../../src/std/log.ts'
import { currentTask } from '../../src/tasks/current.ts'
import { deadIn } from '../deadLetters.ts'
import { inFull, isFull } from '../tier.ts'
import { onStores, until, useLab } from './lab.ts'
import { storeText } from './storeText.ts'

const SECRET = 'x7sentinel7x'

const NAMED = process.env.TEST_STORES?.split(',')
const STORES = ['memory', 'sqlite', 'redis', 'postgres'].filter((store) => NAMED?.includes(store) ?? true)

/** With RabbitMQ, which finds no messages, in the full tests alone. */
onStores([...STORES, ...inFull('rabbitmq')], (lab, kind) => {
  it('all that the store has of the jobs of an owner is removed, and nothing of others', async () => {
    const app = lab().app()
    app.task('tell', async (text: string) => {
      const ctx = currentTask()
      await ctx?.chunk(`chunk ${text}`)
      await ctx?.progress({ text })
      const notify = (token: string) => app.completeWait(token, `answer ${text}`)
      return ctx?.waitFor('question', { timeout: '1h', notify })
    })
    const options = { owner: SECRET, tags: [`tag ${SECRET}`], keepInput: true }
    const told = await app.send('tell', [SECRET], { ...options, taskId: 'told' })
    // No worker knows it: it becomes a dead letter.
    const dead = await app.send('unknown', [SECRET], { ...options, taskId: 'dead' })
    const other = await app.send('tell', ['other'], { owner: 'bob', keepInput: true, taskId: 'other' })
    const worker = await lab().work(app)
    await until(async () => (await app.states([told.id, dead.id, other.id])).join() === 'SUCCESS,FAILURE,SUCCESS')
    await worker.stop()
    if (kind !== 'memory') expect(await storeText(lab())).toContain(SECRET)

    const dry = await app.forgetJobs({ owner: SECRET }, { dryRun: true })
    expect([dry.ids.toSorted(), dry.removed.deadLetters]).toEqual([['dead', 'told'], 1])
    expect(await told.get()).toBe(`answer ${SECRET}`)
    const report = await app.forgetJobs({ owner: SECRET })
    const counts = { records: 2, metadata: 2, inputs: 2, waits: 1, deliveries: 0 }
    expect(report).toMatchObject({ active: [], removed: { ...counts, deadLetters: 1 } })
    expect(report.removed).toEqual(dry.removed)
    // At least the chunk, PROGRESS and WAITING.
    expect(report.removed.events).toBeGreaterThanOrEqual(3)
    expect(await app.states(['told', 'dead', 'other'])).toEqual(['UNKNOWN', 'UNKNOWN', 'SUCCESS'])
    expect(await storeText(lab())).not.toContain(SECRET)
    expect(await app.forgetJobs({ owner: SECRET })).toMatchObject({ ids: [], active: [] })
    expect((await app.jobs({ owner: 'bob' })).jobs).toMatchObject([{ id: 'other', result: 'answer other' }])
  })
})

/** What depends on the store was tested above. */
onStores(
  STORES.filter((store) => store !== 'postgres' || isFull),
  (lab) => {
    it('what has not ended stays, unless it is revoked; what runs is forgotten after its end', async () => {
      const app = lab().app()
      const begun = Promise.withResolvers<void>()
      const go = Promise.withResolvers<void>()
      app.task('runs', async () => {
        begun.resolve()
        await go.promise
      })
      const send = (taskId: string, tag: string, countdown?: string) =>
        app.send('runs', [SECRET], { taskId, tags: [tag], countdown: countdown as '1h' | undefined })
      await send('runs', 'a')
      await lab().work(app)
      await begun.promise
      await send('waits', 'a', '1h')
      await send('other', 'b', '1h')
      const left = await app.forgetJobs({ tag: 'a' })
      expect([left.ids, left.active.toSorted()]).toEqual([[], ['runs', 'waits']])
      const revoked = await app.forgetJobs({ tag: 'a' }, { revoke: true })
      expect([revoked.ids, revoked.active]).toEqual([['waits'], ['runs']])
      go.resolve()
      await until(async () => ['SUCCESS', 'REVOKED'].includes(await app.result('runs').state()))
      expect(await app.forgetJobs({ ids: ['runs', 'other', 'never'] })).toMatchObject({
        ids: ['runs'],
        active: ['other'],
      })
      expect(await app.states(['runs', 'waits', 'other'])).toEqual(['UNKNOWN', 'UNKNOWN', 'PENDING'])
    })

    it('a dead letter without a record is found by its id; what waits without a record stays', async () => {
      const app = lab().app({ ignoreResult: true })
      await app.send('unknown', [SECRET], { taskId: 'dead', queue: 'slow' })
      const worker = await lab().work(app, { queues: ['slow'] })
      await until(async () => (await deadIn(app, 'slow')) === 1)
      await worker.stop()
      await app.send('unknown', [], { taskId: 'waits', queue: 'slow' })
      await app.result('dead').forget()
      const report = await app.forgetJobs({ ids: ['dead', 'waits'] })
      expect(report).toMatchObject({ ids: ['dead'], removed: { records: 0, deadLetters: 1 } })
      expect([await app.queueSize('slow'), await deadIn(app, 'slow')]).toEqual([1, 0])
    })
  },
)

describe('on sqlite', () => {
  const lab = useLab('sqlite')

  it('pages by limit and cursor, and all that is named has to fit', async () => {
    const app = lab().app()
    app.task('quick', () => 1)
    const ids = Array.from({ length: 7 }, (_, at) => `job-${at}`)
    await Promise.all(ids.map((taskId, at) => app.send('quick', [], { taskId, owner: 'ann', tags: [`t${at % 2}`] })))
    await lab().work(app)
    await until(async () => (await app.states(ids)).every((state) => state === 'SUCCESS'))
    expect((await app.forgetJobs({ ids, owner: 'bob' })).ids).toEqual([])
    expect((await app.forgetJobs({ owner: 'ann', tasks: ['other'] })).ids).toEqual([])
    expect((await app.forgetJobs({ ids, owner: 'ann', tag: 't1' })).ids).toEqual(['job-1', 'job-3', 'job-5'])
    const first = await app.forgetJobs({ owner: 'ann' }, { limit: 3 })
    expect(first.ids).toHaveLength(3)
    const rest = await app.forgetJobs({ owner: 'ann' }, { cursor: first.cursor })
    expect([rest.ids.length, rest.cursor]).toEqual([1, undefined])
  })

  it('a delivery of a webhook goes with its job, and delays it while it has not ended', async () => {
    const webhooks = { secret: `whsec_${Buffer.alloc(32).toString('base64')}` }
    const app = new Celeriac({ broker: lab().url, logger: createLogger('silent'), webhooks })
    lab().after(() => app.close())
    const { id } = await app.send('quick', [], { webhook: 'https://receiver.example/', owner: 'ann' })
    // Without the option it does not know the task that delivers: that waits.
    const working = new Celeriac({ broker: lab().url, logger: createLogger('silent') })
    lab().after(() => working.close())
    working.task('quick', () => SECRET)
    const worker = await lab().work(working)
    await until(async () => (await app.result(id).state()) === 'SUCCESS')
    await worker.stop()
    expect(await app.forgetJobs({ owner: 'ann' })).toMatchObject({ ids: [], active: [id] })
    expect(await app.forgetJobs({ owner: 'ann' }, { revoke: true })).toMatchObject({
      ids: [id],
      active: [],
      removed: { records: 1, deliveries: 1 },
    })
    expect(await storeText(lab())).not.toContain(SECRET)
  })

  it.each([
    {},
    { owner: undefined },
    { owner: '' },
    { tag: null },
    { ids: [] },
    { ids: 'one' },
    { ids: [''] },
    { tasks: ['quick'] },
    { tasks: 'quick', owner: 'ann' },
    { owner: 'ann', state: 'SUCCESS' },
  ])('%o is refused', async (filter) => {
    await expect(
      lab()
        .app()
        .forgetJobs(filter as never),
    ).rejects.toThrow(ArgumentError)
  })

  it.each([{ limit: 0 }, { limit: 10_001 }, { cursor: 'x' }, { limit: 5 }])('%o beside ids is refused', async (how) => {
    await expect(
      lab()
        .app()
        .forgetJobs({ ids: ['one'] }, how),
    ).rejects.toThrow(ArgumentError)
  })
})

it('results that are not listed: by id alone', async () => {
  const app = new Celeriac({ broker: 'memory:', backend: 'rpc://', logger: createLogger('silent') })
  await expect(app.forgetJobs({ owner: 'ann' })).rejects.toThrow(ConfigError)
  expect(await app.forgetJobs({ ids: ['none'] })).toMatchObject({ ids: [], active: [] })
  await app.close()
})
