import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { type Actor, type Scene, until } from './scene.ts'
import type { CrashPoint, Settings } from './settings.ts'

/** What a run of kills is made of. */
export interface Killing {
  readonly tasks: number
  /** How many workers are killed at a random moment, and at which points one each. */
  readonly random: number
  readonly points: readonly CrashPoint[]
  /** A named point kills when it is passed for the n-th time, n at random up to this. */
  readonly hits: number
  readonly worker: Partial<Settings>
  /** Points on the way of what a dead worker left: passed at the end, by one that takes over from others. */
  readonly heirs?: readonly CrashPoint[]
  /** What happens to the store between two kills, each once, while the worker beside them works. */
  readonly faults?: readonly (() => Promise<void>)[]
  /** Closed at the end. */
  readonly scene: Scene
}

/** What came of it, for people. */
export interface KillReport {
  /** By plan; those whose tasks an heir takes over are not counted. */
  readonly kills: number
  readonly inFlight: number
  readonly ranAgain: number
}

/**
 * Kill workers one after the other, each with a share of the tasks, while another that stays alive works beside them; then
 * let two finish. Checks that nothing is lost, and that only what was in flight at a kill took effect again.
 */
export async function killAndCheck(killing: Killing): Promise<KillReport> {
  const { tasks, random, points, hits, worker, scene, faults = [], heirs = [] } = killing
  try {
    const plans = shuffled([...points, ...faults, ...Array.from({ length: random }, () => undefined)])
    const share = Math.floor(tasks / (plans.length + heirs.length + 1))
    const values = new Map<string, number>()
    const feed = async (count: number): Promise<void> => {
      const numbers = Array.from({ length: count }, (_, index) => values.size + index)
      const ids = await scene.send(
        'chaos.effect',
        numbers.map((n) => [n]),
      )
      for (const [index, id] of ids.entries()) values.set(id, numbers[index] as number)
    }
    await feed(share)
    const bystander = await scene.start('worker', { ...worker, concurrency: 2 }).ready()
    const killed: Actor[] = []
    const leaving: Actor[] = []
    const copied: Set<string>[] = []
    for (const plan of plans) {
      if (typeof plan === 'function') {
        await feed(share)
        copied.push(await copiedDuring(bystander, plan))
        continue
      }
      const point = plan
      const crash = point && { point, hit: 1 + Math.floor(Math.random() * hits) }
      const actor = await scene.start('worker', { ...worker, crash }).ready()
      await feed(share)
      await killOne(actor, feed)
      killed.push(actor)
    }
    for (const point of heirs) {
      const heir = await scene.start('worker', { ...worker, crash: { point, hit: 1 } }).ready()
      await feed(share)
      // What the first one leaves may go to the worker beside: then the next one leaves something.
      await killOne(heir, async () => {
        const crash = { point: 'body:before', hit: 1 } as const
        const dying = await scene.start('worker', { ...worker, crash }).ready()
        leaving.push(dying)
        await killOne(dying, feed)
      })
      killed.push(heir)
    }
    await feed(Math.max(0, tasks - values.size))
    const rest = [scene.start('worker', worker), scene.start('worker', worker)]
    await until('every task succeeded', () => scene.finished(values.size), 60_000 + tasks * 5)
    const inFlight = [...[...killed, ...leaving].map((actor) => actor.inFlight()), ...copied, bystander.noted('l')]
    await check(scene, values, inFlight)
    if (faults.length === 0) expect([...bystander.noted('l')], 'lost by the worker beside').toEqual([])
    for (const actor of rest) expect([...actor.noted('l')], `lost by ${actor.settings.name}`).toEqual([])
    return report(killed, scene.effects())
  } finally {
    await scene.close()
  }
}

/** More comes until a worker with a crash point has reached it: the others may have taken all that was there. */
async function killOne(actor: Actor, more: (count: number) => Promise<void>): Promise<void> {
  if (!actor.settings.crash) {
    await until('it has taken a task', () => actor.noted('r').size > 0)
    await sleep(Math.random() * 150)
    actor.kill('SIGKILL')
  }
  const end = actor.ended(30_000)
  while (!(await Promise.race([end.then(() => true), sleep(500, false)]))) await more(10)
  expect(await end).toBe('SIGKILL')
}

/**
 * What it had and may just have been copying when the store went away: both copy and original may be there afterwards, as if it had been
 * killed between the two. That it loses what it holds by the copy is another thing, and may come on top.
 */
async function copiedDuring(worker: Actor, fault: () => Promise<void>): Promise<Set<string>> {
  const settled = worker.noted('s')
  await fault()
  return new Set([...worker.noted('w')].filter((id) => !settled.has(id)))
}

async function check(
  scene: Scene,
  values: ReadonlyMap<string, number>,
  inFlight: readonly ReadonlySet<string>[],
): Promise<void> {
  const effects = scene.effects()
  const kills = new Map<string, number>()
  for (const ids of inFlight) for (const id of ids) kills.set(id, (kills.get(id) ?? 0) + 1)
  const without = [...values.keys()].filter((id) => !effects.has(id))
  expect(without, 'tasks without an effect').toEqual([])
  const unexplained = [...effects].filter(([id, list]) => list.length > 1 + (kills.get(id) ?? 0))
  expect(unexplained, 'tasks that ran again without having been in flight at a kill').toEqual([])
  expect(await wrongResults(scene, values), 'tasks with a wrong result').toEqual([])
  await scene.checkEmpty()
}

async function wrongResults(scene: Scene, values: ReadonlyMap<string, number>): Promise<string[]> {
  const wrong: string[] = []
  const pairs = [...values]
  for (let from = 0; from < pairs.length; from += 200) {
    const some = pairs.slice(from, from + 200)
    const results = await Promise.all(some.map(([id]) => scene.app.result(id).get({ timeout: 10_000 })))
    for (const [at, [id, n]] of some.entries()) if (results[at] !== n * 2) wrong.push(id)
  }
  return wrong
}

function report(killed: readonly Actor[], effects: ReadonlyMap<string, unknown[]>): KillReport {
  return {
    kills: killed.length,
    inFlight: killed.reduce((sum, actor) => sum + actor.inFlight().size, 0),
    ranAgain: [...effects.values()].filter(({ length }) => length > 1).length,
  }
}

function shuffled<Item>(items: readonly Item[]): Item[] {
  return items
    .map((item) => ({ item, place: Math.random() }))
    .sort((a, b) => a.place - b.place)
    .map(({ item }) => item)
}
