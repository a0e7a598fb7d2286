import { describe, expect, it } from 'vitest'
import type { Clock } from '../../../src/std/clock.ts'
import { Autoscaler } from '../../../src/worker/scale/autoscaler.ts'
import type { CpuSample } from '../../../src/worker/scale/cpuUse.ts'

const IDLE: CpuSample = { cores: 0, own: 0 }

/** An autoscaler of a pool whose load the test sets, one look at a time. */
class Scene {
  readonly pool = { busy: 0, size: 1, target: 1, pids: [1] }
  bounds = { max: 8, min: 1 }
  queued = 0
  waiting = 0
  takes = true
  cpu = IDLE
  readonly sizes: number[] = []
  isWaiting = false
  /** How often the queue was counted. */
  counts = 0
  #wake: (() => void) | undefined
  readonly scaler: Autoscaler

  constructor() {
    const clock: Clock = {
      now: () => 0,
      after: (_, wake) => {
        this.#wake = wake
        this.isWaiting = true
        return () => {
          this.isWaiting = false
        }
      },
    }
    const load = {
      clock,
      broker: {
        size: async () => {
          this.counts++
          return this.queued
        },
      },
      queues: ['one', 'two'],
      takes: () => this.takes,
      waiting: () => this.waiting,
    }
    const scaled = { bounds: () => this.bounds, resize: (size: number) => this.#resize(size) }
    this.scaler = new Autoscaler(this.pool, load, scaled, {
      interval: 1,
      keepalive: 3,
      cpu: { sample: () => this.cpu },
    })
    this.scaler.start()
  }

  #resize(size: number): void {
    this.sizes.push(size)
    this.pool.target = size
    if (size < this.pool.size) this.pool.size = size
  }

  /** New slots have loaded, and all are in use. */
  fill(): void {
    this.pool.size = this.pool.target
    this.pool.busy = this.pool.target
  }

  async look(times = 1): Promise<void> {
    for (let n = 0; n < times; n++) {
      this.isWaiting = false
      this.#wake?.()
      for (let turn = 0; turn < 10; turn++) await null
    }
  }
}

describe('it grows', () => {
  it('while all slots are in use and messages wait: at most to twice the size, by as many as wait, up to max', async () => {
    const scene = new Scene()
    scene.queued = 100
    for (let n = 0; n < 5; n++) {
      scene.fill()
      await scene.look()
    }
    expect(scene.sizes).toEqual([2, 4, 8])
    const few = new Scene()
    few.pool.target = 4
    few.waiting = 1
    few.fill()
    await few.look()
    expect(few.sizes).toEqual([5])
  })

  it('not while a slot is free, or new ones load, or nothing waits, or it takes nothing', async () => {
    const scene = new Scene()
    scene.queued = 5
    await scene.look()
    expect([scene.sizes, scene.counts]).toEqual([[], 0])
    scene.fill()
    await scene.look()
    expect(scene.sizes).toEqual([2])
    scene.pool.busy = 1
    await scene.look()
    scene.pool.busy = 2
    await scene.look()
    scene.fill()
    scene.queued = 0
    await scene.look()
    scene.queued = 5
    scene.takes = false
    await scene.look()
    expect(scene.sizes).toEqual([2])
  })

  it.each<[string, CpuSample, number[]]>([
    ['not while its tasks use all processors', { cores: 0.95, own: 2 }, []],
    ['not while all are in use, and it is not known by what', { cores: 0.95, own: undefined }, []],
    ['while other programs use them, and its own tasks wait', { cores: 1, own: 0.05 }, [2]],
    ['while processors are free', { cores: 0.6, own: 1 }, [2]],
  ])('%s', async (_, cpu, sizes) => {
    const scene = new Scene()
    scene.queued = 5
    scene.cpu = cpu
    scene.fill()
    await scene.look()
    expect(scene.sizes).toEqual(sizes)
  })

  it('asks the store at most once for each look and queue, and goes on when it fails', async () => {
    const scene = new Scene()
    scene.fill()
    await scene.look(3)
    expect(scene.counts).toBe(6)
    Object.defineProperty(scene, 'queued', { get: () => Promise.reject(new Error('unavailable')) })
    await scene.look(2)
    expect([scene.sizes, scene.isWaiting]).toEqual([[], true])
  })
})

describe('it shrinks', () => {
  it('to the most that ran at once in the time in which there was a slot too many, never below min', async () => {
    const scene = new Scene()
    scene.bounds = { max: 8, min: 2 }
    Object.assign(scene.pool, { size: 8, target: 8, busy: 3 })
    await scene.look()
    scene.pool.busy = 5
    // For a moment between two looks.
    scene.scaler.began()
    scene.pool.busy = 1
    await scene.look()
    expect(scene.sizes).toEqual([])
    await scene.look()
    expect(scene.sizes).toEqual([6])
    scene.pool.busy = 0
    await scene.look(4)
    expect(scene.sizes).toEqual([6, 2])
    await scene.look(10)
    expect(scene.sizes).toEqual([6, 2])
  })

  it('the time begins again when all slots are in use', async () => {
    const scene = new Scene()
    Object.assign(scene.pool, { size: 4, target: 4, busy: 0 })
    for (let n = 0; n < 5; n++) {
      scene.pool.busy = 0
      await scene.look(2)
      scene.fill()
      await scene.look()
    }
    expect(scene.sizes).toEqual([])
  })
})

it('after its stop it looks no more, also where it waits for the store', async () => {
  const scene = new Scene()
  scene.queued = 5
  scene.fill()
  const looking = scene.look()
  scene.scaler.stop()
  await looking
  expect([scene.sizes, scene.isWaiting]).toEqual([[], false])
})
