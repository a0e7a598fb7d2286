import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type Actor, type Scene, until } from './scene.ts'
import { STAGES } from './stages.ts'

const LEASE = 1500

async function newScene(open: (lease: number) => Promise<Scene>): Promise<Scene> {
  const scene = await open(LEASE)
  onTestFinished(() => scene.close())
  return scene
}

/** Stop the process, though not while it holds the store's write lock: then everybody would wait for it. */
async function freeze(scene: Scene, actor: Actor): Promise<void> {
  for (;;) {
    actor.kill('SIGSTOP')
    await sleep(20)
    if (await scene.quiet()) return
    actor.kill('SIGCONT')
    await sleep(20)
  }
}

describe.each(STAGES)('%s: a task that blocks the event loop', (_, open) => {
  test('keeps its lease, and those that wait behind it keep theirs, while another worker is hungry', async () => {
    const scene = await newScene(open)
    const ids = await scene.send('chaos.block', [[LEASE * 4], [1], [1], [1]])
    // Blocked from its first task on, it may not come to say that it is ready.
    const first = scene.start('worker', { concurrency: 4 })
    await until('it blocks', () => scene.effects().size === 1)
    const hungry = await scene.start('worker', { concurrency: 4 }).ready()
    const results = await Promise.all(ids.map((id) => scene.app.result(id).get({ timeout: '25s' })))
    expect(results).toEqual(ids.map(() => first.pid))
    const runs = [...scene.effects().values()].map(({ length }) => length)
    expect(runs).toEqual([1, 1, 1, 1])
    expect([...first.noted('l'), ...hungry.noted('r')]).toEqual([])
  })
})

describe.each(STAGES)('%s: a worker that stood still for longer than its lease', (_, open) => {
  test('does not overwrite the result of the worker that took over, and works on', async () => {
    const scene = await newScene(open)
    const [id = ''] = await scene.send('chaos.wait', [[500]])
    const zombie = await scene.start('worker').ready()
    await until('it runs', () => scene.effects().size === 1)
    await freeze(scene, zombie)
    const other = await scene.start('worker').ready()
    expect(await scene.app.result(id).get({ timeout: '25s' })).toBe(other.pid)
    other.kill('SIGTERM')
    await other.ended(10_000)

    zombie.kill('SIGCONT')
    await until('it knows that the task was lost', () => zombie.noted('l').has(id))
    expect(await scene.app.result(id).get()).toBe(other.pid)
    expect(
      scene
        .effects()
        .get(id)
        ?.map(({ pid }) => pid),
    ).toEqual([zombie.pid, other.pid])
    const [next = ''] = await scene.send('chaos.wait', [[0]])
    expect(await scene.app.result(next).get({ timeout: '10s' })).toBe(zombie.pid)
    await scene.checkEmpty()
  })

  test('is too late also while the other still runs', async () => {
    const scene = await newScene(open)
    const [id = ''] = await scene.send('chaos.wait', [[2000]])
    const zombie = await scene.start('worker').ready()
    await until('it runs', () => scene.effects().size === 1)
    await freeze(scene, zombie)
    const other = await scene.start('worker').ready()
    await until('the other runs it', () => scene.effects().get(id)?.length === 2)
    zombie.kill('SIGCONT')
    await until('the zombie is done', () => zombie.noted('l').has(id))
    expect(await scene.app.result(id).get({ timeout: '25s' })).toBe(other.pid)
    expect(scene.effects().get(id)).toHaveLength(2)
  })

  test('is in time when nobody took over', async () => {
    const scene = await newScene(open)
    const [id = ''] = await scene.send('chaos.wait', [[500]])
    const sleeper = await scene.start('worker').ready()
    await until('it runs', () => scene.effects().size === 1)
    await freeze(scene, sleeper)
    await sleep(LEASE * 2)
    sleeper.kill('SIGCONT')
    expect(await scene.app.result(id).get({ timeout: '10s' })).toBe(sleeper.pid)
    expect(scene.effects().get(id)).toHaveLength(1)
  })
})
