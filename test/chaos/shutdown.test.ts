import { describe, expect, onTestFinished, test } from 'vitest'
import { inFull } from '../tier.ts'
import { type Scene, until } from './scene.ts'
import type { Settings } from './settings.ts'
import { STAGES } from './stages.ts'

/** So long that nothing in these tests is waiting for it. */
const LEASE = 60_000
/** Longer than any of these tests. */
const LONG = 120_000
/** To stop, or to take what another gave back, on a slow machine: still far below the lease, ms. */
const SOON = 8000

async function newScene(open: (lease: number) => Promise<Scene>): Promise<Scene> {
  const scene = await open(LEASE)
  onTestFinished(() => scene.close())
  return scene
}

describe.each(STAGES)('%s: SIGTERM', (store, open) => {
  test('lets what runs end, and leaves the rest to another worker', async () => {
    const scene = await newScene(open)
    const ids = await scene.send(
      'chaos.wait',
      Array.from({ length: 30 }, () => [700]),
    )
    const worker = await scene.start('worker', { concurrency: 10, grace: 20_000 }).ready()
    await until('ten run', () => scene.effects().size === 10)
    worker.kill('SIGTERM')
    expect(await worker.ended(15_000)).toBe('exit code 0')
    expect(worker.noted('s').size).toBe(10)
    expect(await scene.waiting()).toBe(20)

    await scene.start('worker', { concurrency: 20 }).ready()
    await Promise.all(ids.map((id) => scene.app.result(id).get({ timeout: SOON })))
    expect([...scene.effects().values()].every(({ length }) => length === 1)).toBe(true)
  })

  type Kind = [string, string, Partial<Settings>]
  const deaf: Kind = ['inline, deaf', 'chaos.wait', { concurrency: 4 }]
  const obedient: Kind = ['inline, obedient', 'chaos.heed', { concurrency: 4 }]
  const computing: Kind = ['threads, computing', 'chaos.block', { pool: 'threads', concurrency: 2 }]
  // The kinds of tasks and pools know nothing of the store.
  const isFirst = store === 'sqlite'
  test.each(isFirst ? [deaf, obedient, ...inFull(computing)] : [deaf])(
    'requeues what does not end in time, at once: %s',
    async (_, task, settings) => {
      const scene = await newScene(open)
      const ids = await scene.send(
        task,
        Array.from({ length: settings.concurrency as number }, () => [LONG]),
      )
      const worker = await scene.start('worker', { ...settings, grace: 500 }).ready()
      await until('all run', () => scene.effects().size === ids.length)
      const other = await scene.start('worker', settings).ready()
      worker.kill('SIGTERM')
      await until('the other runs all', () => [...scene.effects().values()].every(({ length }) => length === 2), SOON)
      expect(await worker.ended(SOON)).toBe('exit code 0')
      expect(other.noted('r')).toEqual(new Set(ids))
      expect(worker.noted('b')).toEqual(new Set(ids))
      // Giving back is no death: what is given back often is not given up.
      expect(await scene.markedLost()).toBe(0)
    },
  )

  test.each(isFirst ? [computing, ...inFull(deaf, obedient)] : [deaf])(
    'a second one stops at once: %s',
    async (_, task, settings) => {
      const scene = await newScene(open)
      const ids = await scene.send(
        task,
        Array.from({ length: settings.concurrency as number }, () => [LONG]),
      )
      const worker = await scene.start('worker', { ...settings, grace: LONG }).ready()
      await until('all run', () => scene.effects().size === ids.length)
      worker.kill('SIGTERM')
      await expect(worker.ended(1000), 'waits for what runs').rejects.toThrow('still runs')
      worker.kill('SIGTERM')
      expect(await worker.ended(SOON)).toBe('exit code 0')
      expect(await scene.waiting()).toBe(ids.length)
      await scene.start('worker', settings).ready()
      await until('another runs all', () => [...scene.effects().values()].every(({ length }) => length === 2), SOON)
    },
  )
})
