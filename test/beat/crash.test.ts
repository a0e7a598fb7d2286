import { describe, expect, test } from 'vitest'
import { Sender } from '../../src/beat/sender.ts'
import { RUN_LEASE_MS, Ticker } from '../../src/beat/ticker.ts'
import { every } from '../../src/beat/when/every.ts'
import { StoreUnavailableError } from '../../src/std/errors.ts'
import type { ScheduleStore } from '../../src/stores/scheduleStore.ts'
import { type Lab, onFewStores, until } from '../app/lab.ts'
import { storesOf } from '../app/stores.ts'
import { Scene } from './scene.ts'

/** A beat that dies within a look: what it does comes from a real one, as far as that goes. */
async function lookAndDie(scene: Scene, at: 'claim' | 'send'): Promise<void> {
  const { app, clock } = scene
  const store = await scene.schedules.store()
  // It never comes to say that it has sent them.
  const dying: ScheduleStore = {
    url: store.url,
    list: () => store.list(),
    load: (names) => store.load(names),
    swap: (changes, options) => store.swap(changes, options),
    untouched: () => store.untouched(),
    due: (now, limit) => store.due(now, limit),
    takeRuns: (now, to, limit) => store.takeRuns(now, to, limit),
    endRuns: async () => undefined,
    onChange: (listener) => store.onChange(listener),
  }
  const sender = new Sender(app, dying, clock)
  if (at === 'claim') sender.send = async () => true
  await new Ticker({ app, store: dying, sender, clock }).look()
}

async function scheduled(lab: Lab, options = {}): Promise<Scene> {
  const scene = new Scene(lab)
  scene.schedules.define('hourly', every('1h'), { task: 'work', options })
  const beat = await scene.beat()
  await beat.stop()
  scene.clock.advance(3_600_000)
  return scene
}

describe('a beat that dies', () => {
  onFewStores((lab) => {
    test('after it has sent what keeps no record: nothing is sent twice', async () => {
      const scene = await scheduled(lab(), { ignoreResult: true })
      if ((await storesOf(scene.app)).backend.notes === undefined) return
      await lookAndDie(scene, 'send')
      await scene.beat()
      await scene.pass(RUN_LEASE_MS, 1000)
      await until(() => scene.sent.length === 2)
      expect(await scene.app.queueSize()).toBe(1)
    })

    test('after it has claimed; the clock is set back by half an hour: another sends it within seconds', async () => {
      const scene = await scheduled(lab())
      await lookAndDie(scene, 'claim')
      scene.clock.jump(-1_800_000)
      await scene.beat()
      await scene.pass(RUN_LEASE_MS, 1000)
      await until(() => scene.sent.length === 1)
      expect(scene.sent[0]).toMatchObject({ entry: 'hourly', again: true })
    })

    test('after it has claimed, before it sends: another sends it within seconds', async () => {
      const scene = await scheduled(lab())
      await lookAndDie(scene, 'claim')
      expect(await scene.app.queueSize()).toBe(0)
      await scene.beat()
      expect(scene.sent).toEqual([])
      await scene.pass(RUN_LEASE_MS, 1000)
      await until(() => scene.sent.length === 1)
      expect(scene.sent[0]).toMatchObject({ entry: 'hourly', again: true })
      await scene.pass(60_000, 5000)
      expect([scene.sent.length, await scene.app.queueSize()]).toEqual([1, 1])
    })

    test('after it has sent, before it says so: nothing is sent twice', async () => {
      const scene = await scheduled(lab())
      await lookAndDie(scene, 'send')
      expect(await scene.app.queueSize()).toBe(1)
      await scene.beat()
      await scene.pass(RUN_LEASE_MS, 1000)
      await until(() => scene.sent.length === 2)
      expect(scene.sent[1]?.id).toBe(scene.sent[0]?.id)
      expect(await scene.app.queueSize()).toBe(1)
      await scene.pass(60_000, 5000)
      expect(scene.sent).toHaveLength(2)
    })

    test('one that stood still after its claim, and goes on when another has sent it: nothing is sent twice', async () => {
      const scene = await scheduled(lab())
      const { app, clock } = scene
      const store = await scene.schedules.store()
      const sender = new Sender(app, store, clock)
      const goOn = Promise.withResolvers<void>()
      const { send } = sender
      sender.send = (runs) => goOn.promise.then(() => send.call(sender, runs))
      const looking = new Ticker({ app, store, sender, clock }).look()
      await until(async () => (await store.due(0, 1)).claimed.length === 1)
      await scene.beat()
      await scene.pass(RUN_LEASE_MS, 1000)
      await until(() => scene.sent.length === 1)
      goOn.resolve()
      await looking
      expect([scene.sent.length, await app.queueSize()]).toEqual([2, 1])
    })

    test('the next run overlaps none that was claimed and not sent', async () => {
      const scene = await scheduled(lab())
      await scene.schedules.update('hourly', { options: { overlap: 'skip' } })
      await lookAndDie(scene, 'claim')
      scene.clock.advance(RUN_LEASE_MS - 1)
      await scene.beat()
      expect(scene.sent).toEqual([])
      await scene.pass(1)
      await until(() => scene.sent.length === 1)
    })
  })
})

describe('a store that is away', () => {
  onFewStores((lab, kind) => {
    test('what was claimed is sent when it is back, and the schedule goes on', async () => {
      const scene = await scheduled(lab())
      const { unitOfWork } = await storesOf(scene.app)
      const { submit } = unitOfWork
      let away = true
      unitOfWork.submit = (submission) => {
        const error = new StoreUnavailableError('away')
        return away ? Promise.reject(error) : submit.call(unitOfWork, submission)
      }
      await scene.beat()
      await until(() => scene.errors.length === 1)
      away = false
      await scene.pass(2 * RUN_LEASE_MS, 1000)
      await until(() => scene.sent.length === 1)
      expect([kind, await scene.app.queueSize()]).toEqual([kind, 1])
    })
  })
})
