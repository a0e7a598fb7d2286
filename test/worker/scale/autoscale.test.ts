import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { App } from '../../../src/app/app.ts'
import type { Signals } from '../../../src/app/signals.ts'
import { createWorkerHttp } from '../../../src/http/routes/worker.ts'
import { type Clock, systemClock } from '../../../src/std/clock.ts'
import { ArgumentError, ConfigError } from '../../../src/std/errors.ts'
import { pause } from '../../../src/testing/kit.ts'
import { type Pool, Worker, type WorkerOptions } from '../../../src/worker/worker.ts'
import { type Lab, onSqliteOrEachStore, until, useLab } from '../../app/lab.ts'
import { defineScaling } from '../modules/scaling.ts'

const module = new URL('../modules/scaling.ts', import.meta.url).href

/** Its timers end after a twentieth of their time: the pool is looked at every 50 ms, and shrinks after 1.5 s. */
const quick: Clock = { now: () => Date.now(), after: (ms, ...rest) => systemClock.after(ms / 20, ...rest) }

interface Scene {
  readonly app: App
  readonly worker: Worker
  readonly scaled: Signals['worker:scaled'][]
  /** Send so many tasks that wait for the gate; their results. */
  send(count: number): Promise<() => Promise<unknown[]>>
  open(): void
}

/** `define`: more tasks than those of the module. */
async function scene(lab: Lab, options: WorkerOptions, define: (app: App) => void = () => undefined): Promise<Scene> {
  const app = defineScaling(lab.app({ clock: quick }))
  define(app)
  const scaled: Signals['worker:scaled'][] = []
  app.on('worker:scaled', (change) => void scaled.push(change))
  const folder = mkdtempSync(join(tmpdir(), 'celeriac-gate-'))
  lab.after(() => rmSync(folder, { recursive: true }))
  const gate = join(folder, 'open')
  const worker = await lab.work(app, { module, ...options })
  return {
    app,
    worker,
    scaled,
    send: async (count) => {
      const handles = await Promise.all(Array.from({ length: count }, () => app.send('gated', [gate])))
      return () => Promise.all(handles.map((handle) => handle.get({ timeout: '90s' })))
    },
    open: () => writeFileSync(gate, ''),
  }
}

/** Child processes of this process that belong to pools, without those that have ended and are not yet forgotten. */
function poolProcesses(): number[] {
  return readdirSync('/proc').flatMap((name) => {
    try {
      const [, state, parent] = /\) (\w) (\d+)/.exec(readFileSync(`/proc/${name}/stat`, 'utf8')) ?? []
      const isOurs = parent === String(process.pid) && state !== 'Z'
      return isOurs && readFileSync(`/proc/${name}/cmdline`, 'utf8').includes('processes/entry') ? [Number(name)] : []
    } catch {
      return []
    }
  })
}

/** A burst grows it to max, silence shrinks it to min. */
async function growAndShrink(lab: Lab, pool: 'threads' | 'processes'): Promise<void> {
  const { worker, send, open, scaled } = await scene(lab, { pool, autoscale: { max: 4, min: 1 } })
  expect([worker.pool.size, worker.autoscale]).toEqual([1, { max: 4, min: 1, current: 1 }])
  const results = await send(12)
  await until(() => worker.pool.size === 4 && worker.pool.busy === 4)
  open()
  expect(await results()).toHaveLength(12)
  await until(() => worker.pool.size === 1)
  expect(worker.autoscale).toEqual({ max: 4, min: 1, current: 1 })
  // None was ended by the change of the size, and run again.
  expect(worker.totals.get('gated')).toBe(12)
  const [first] = scaled
  expect(first).toEqual({ hostname: worker.hostname, pool, before: 1, size: 2 })
  expect([scaled.every(({ size }) => size >= 1 && size <= 4), scaled.at(-1)?.size]).toEqual([true, 1])
  const later = await send(3)
  expect(await later()).toHaveLength(3)
  if (pool === 'processes') await until(() => poolProcesses().length <= worker.pool.target)
}

onSqliteOrEachStore(
  (lab) => {
    it('threads: a burst grows it to max, silence shrinks it to min', () => growAndShrink(lab(), 'threads'))

    it('what the worker holds follows its size', async () => {
      const { worker, send, open } = await scene(lab(), { pool: 'threads', concurrency: 1 })
      const results = await send(5)
      await until(() => worker.pool.busy === 1)
      expect(worker.grow(2)).toBe(3)
      await until(() => worker.pool.busy === 3 && worker.busy === 3)
      expect(worker.shrink()).toBe(2)
      open()
      expect(await results()).toHaveLength(5)
      await until(() => worker.busy === 0)
      const two = { size: worker.pool.size, target: worker.pool.target }
      expect([two, worker.totals.get('gated')]).toEqual([{ size: 2, target: 2 }, 5])
    })
  },
  { memory: false },
)

onSqliteOrEachStore(
  (lab) => {
    it('processes: a burst grows it to max, silence shrinks it to min', () => growAndShrink(lab(), 'processes'))

    it('children that are killed while it scales: no task is lost, and no process is left', async () => {
      const options = { pool: 'processes', autoscale: { max: 3, min: 1 }, maxChildLosses: 1000 } as const
      const { worker, send, open } = await scene(lab(), options)
      const results = await send(10)
      for (let kills = 0; kills < 8; kills++) {
        await until(() => worker.pool.busy > 0 && worker.pool.pids.length > 0)
        const { pids } = worker.pool
        process.kill(pids[kills % pids.length] as number, 'SIGKILL')
        await until(() => !poolProcesses().includes(pids[kills % pids.length] as number))
      }
      await until(() => worker.pool.size === 3 && worker.pool.busy === 3)
      open()
      expect(await results()).toHaveLength(10)
      await until(() => worker.pool.size === 1 && poolProcesses().length === 1)
      await worker.stop()
      expect(poolProcesses()).toEqual([])
    })

    it('where tasks ask for several pools, those that wait in the line of its own count', async () => {
      const options = { pool: 'threads', autoscale: { max: 3, min: 1 } } as const
      const beside = (app: App): void => void app.task('beside', () => 1, { pool: 'inline' })
      const { app, worker, send, open } = await scene(lab(), options, beside)
      const results = await send(4)
      await until(() => worker.pool.size === 3 && worker.pool.busy === 3)
      expect(await app.queueSize('celery')).toBe(0)
      expect(await app.send('beside').get({ timeout: '30s' })).toBe(1)
      open()
      expect(await results()).toHaveLength(4)
      await until(() => worker.pool.size === 1)
      const later = await send(3)
      expect(await later()).toHaveLength(3)
    })

    it('it is stopped while it grows, and starts again with the size that it had', async () => {
      const { worker, send, open } = await scene(lab(), { pool: 'processes', autoscale: { max: 3, min: 1 } })
      const results = await send(6)
      await until(() => worker.pool.target > worker.pool.size)
      const { target } = worker.pool
      await worker.stop({ grace: 0 })
      expect([poolProcesses(), worker.pool.size]).toEqual([[], target])
      open()
      await worker.start()
      expect(await results()).toHaveLength(6)
    })

    it('while it is quiet it grows no more', async () => {
      const { worker, send, open } = await scene(lab(), { pool: 'threads', autoscale: { max: 4, min: 1 } })
      const result = await send(1)
      await until(() => worker.pool.busy === 1)
      await worker.quiet()
      await send(4)
      // Some looks.
      await pause(300)
      expect([worker.pool.target, worker.pool.busy]).toEqual([1, 1])
      open()
      expect(await result()).toHaveLength(1)
    })

    it('new bounds hold at once, and grow and shrink are refused as with Celery', async () => {
      const { worker } = await scene(lab(), { pool: 'threads', autoscale: { max: 2, min: 1 } })
      const http = createWorkerHttp(worker)
      const metrics = async (): Promise<string> => (await http.request('/metrics')).text()
      expect(await metrics()).toContain('\nceleriac_worker_slots{pool="threads"} 1\n')
      expect(() => worker.grow()).toThrow('grow: expected a worker without autoscale, got one with it')
      expect(() => worker.shrink()).toThrow(ArgumentError)
      expect(worker.setAutoscale(5, 3)).toEqual({ max: 5, min: 3, current: 3 })
      await until(() => worker.pool.size === 3)
      expect(await metrics()).toContain('\nceleriac_worker_slots{pool="threads"} 3\n')
      expect(worker.setAutoscale(undefined, 1)).toEqual({ max: 5, min: 1, current: 3 })
      expect(worker.setAutoscale(2)).toEqual({ max: 2, min: 1, current: 2 })
      expect(() => worker.setAutoscale(2, 3)).toThrow('setAutoscale: expected max >= min, got max 2 and min 3')
      expect(() => worker.setAutoscale(0)).toThrow('setAutoscale: max: expected a whole number from 1 to 1024, got 0')
      expect([worker.autoscale, worker.pool.size]).toEqual([{ max: 2, min: 1, current: 2 }, 2])
    })

    it('pools beside its own keep their size', async () => {
      const app = lab().app({ clock: quick })
      app.task('beside', () => 1, { pool: 'threads' })
      const worker = new Worker(app, { module, pool: 'processes', autoscale: { max: 4, min: 2 }, logger: false })
      expect(sizesOf(worker.pools)).toEqual({ processes: 2, threads: worker.pools[1]?.size })
      worker.setAutoscale(4, 3)
      expect(worker.pools[0]?.size).toBe(3)
      expect(worker.pools[1]?.target).toBe(worker.pools[1]?.size)
    })
  },
  { memory: false },
)

function sizesOf(pools: readonly Pool[]): Record<string, number> {
  return Object.fromEntries(pools.map(({ kind, size }) => [kind, size]))
}

describe('without the option', () => {
  const lab = useLab('memory')

  it('there is nothing to set, and sizes that cannot be are refused', async () => {
    const worker = await lab().work(lab().app(), { concurrency: 2 })
    expect(worker.autoscale).toBeUndefined()
    expect(() => worker.setAutoscale(3, 1)).toThrow('setAutoscale: expected a worker with the option autoscale')
    expect([worker.grow(), worker.grow(2), worker.shrink(4)]).toEqual([3, 5, 1])
    expect(() => worker.shrink()).toThrow('pool inline: expected a size from 1 to 100000, got 0')
    expect(() => worker.grow(0)).toThrow('grow: expected a whole number >= 1, got 0')
    expect(() => worker.shrink(1.5)).toThrow(ArgumentError)
    expect(worker.pool.size).toBe(1)
    const solo = await lab().work(lab().app(), { pool: 'solo' })
    expect(() => solo.grow()).toThrow('pool solo: it runs one task at a time and has no other size, got 2')
  })
})

describe('wrong options', () => {
  const lab = useLab('memory')

  it.each<[WorkerOptions, string, typeof ArgumentError]>([
    [{ autoscale: { max: 2, min: 8 } }, 'autoscale: expected max >= min, got max 2 and min 8', ArgumentError],
    [{ autoscale: { max: 2 } as never }, 'autoscale: expected max and min, as { max: 10, min: 2 }', ArgumentError],
    [{ autoscale: { max: 2, min: 0 } }, 'autoscale: min: expected a whole number from 1 to 1024, got 0', ArgumentError],
    [{ autoscale: { max: 2, min: 1, to: 3 } as never }, 'autoscale: unknown option to', ArgumentError],
    [{ autoscale: 3 as never }, 'autoscale: expected an object of options, got 3', ArgumentError],
    [{ autoscale: { max: 2, min: 1 } }, 'autoscale: expected pool threads or processes, got inline', ConfigError],
    [
      { pool: 'threads', module, concurrency: 2, autoscale: { max: 2, min: 1 } },
      'concurrency: expected none beside autoscale, which begins with its min, got 2',
      ConfigError,
    ],
  ])('%j', (options, message, kind) => {
    expect(() => new Worker(lab().app(), options)).toThrow(kind)
    expect(() => new Worker(lab().app(), options)).toThrow(message)
  })
})
