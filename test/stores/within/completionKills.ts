import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { beforeEach, expect, it, onTestFinished } from 'vitest'
import type { PoolKind } from '../../../src/worker/options.ts'
import { inFull, isFull } from '../../tier.ts'
import { eventually, within } from '../../wait.ts'
import type { Edge } from './completionTasks.ts'
import type { Shop } from './shop.ts'

const FLAGS = ['--conditions=source', '--disable-warning=ExperimentalWarning']
const WORKER = fileURLToPath(new URL('completionProcess.ts', import.meta.url))

/** How often workers are killed while they complete, and how many jobs end before each kill. */
const KILLS = 20
const JOBS = 40

/** A row and its result are one commit, whatever dies. `named`: the names of the rows. */
export function completionKills(shop: Shop, named: () => Promise<readonly string[]>): void {
  beforeEach(() => shop.clear())

  async function worker(pool: PoolKind): Promise<ChildProcess> {
    const child = fork(WORKER, [pool], { execArgv: FLAGS, env: { ...process.env, SHOP_URL: shop.url } })
    onTestFinished(async () => void (child.exitCode === null && child.signalCode === null && (await end(child))))
    await within(() => 'the start of a worker', once(child, 'message'))
    return child
  }

  async function end(child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const ended = once(child, 'exit')
    child.kill(signal)
    await within(() => 'the end of a worker', ended)
  }

  const charge = (edge: Edge | null = null) => shop.app.send('charge', [edge], { queue: 'kill' })

  const edges: readonly Edge[] = ['written', 'committed', ...inFull<Edge>('before', 'row')]
  it.each(edges)('a worker that is killed (%s)', async (edge) => {
    const first = await worker('solo')
    const ended = once(first, 'exit')
    const { id } = await charge(edge)
    expect((await within(() => 'the kill', ended))[1]).toBe('SIGKILL')
    const isDone = edge === 'committed'
    expect(await named()).toEqual(isDone ? [id] : [])
    expect(await shop.app.states([id])).toEqual([isDone ? 'SUCCESS' : 'PENDING'])
    await worker('solo')
    expect(await shop.app.result(id).get({ timeout: '60s' })).toBe(id)
    await eventually(
      () => shop.waiting(),
      (waiting) => waiting === 0,
    )
    expect(await named()).toEqual([id])
  })

  const pools: readonly PoolKind[] = ['threads', ...inFull<PoolKind>('processes')]
  it.each(pools)('a child of the pool %s that dies, and one that does not', async (pool) => {
    await worker(pool)
    const deaths: readonly (Edge | null)[] = [null, 'written', 'committed', ...inFull<Edge>('before', 'row')]
    const sent = await Promise.all(deaths.map((edge) => charge(edge)))
    for (const one of sent) expect(await one.get({ timeout: '60s' })).toBe(one.id)
    const infos = await Promise.all(sent.map((one) => one.info()))
    expect(infos.map((info) => info?.retries)).toEqual(
      deaths.map((edge) => (edge === null || edge === 'committed' ? 0 : 1)),
    )
    expect((await named()).toSorted()).toEqual(sent.map(({ id }) => id).toSorted())
  })

  if (isFull)
    it(`workers are killed ${KILLS} times: each row has its result, and each result its row`, {
      timeout: 600_000,
    }, async () => {
      let left: string[] = []
      for (let round = 0; round < KILLS; round++) {
        const pool = (['solo', 'threads', 'processes'] as const)[round % 3] as PoolKind
        const one = await worker(pool)
        const before = (await named()).length
        const sent = await Promise.all(Array.from({ length: 2 * JOBS }, () => charge()))
        left.push(...sent.map(({ id }) => id))
        await eventually(named, (names) => names.length >= before + JOBS)
        await end(one, 'SIGKILL')
        left = await remaining(left)
      }
      await worker('solo')
      await eventually(
        () => remaining(left),
        ({ length }) => length === 0,
      )
      const names = await named()
      expect(new Set(names).size).toBe(names.length)
      expect(names.length).toBe(2 * JOBS * KILLS)
    })

  /** Of these jobs, those without a row. Children of a dead worker may commit a moment later. */
  async function remaining(ids: readonly string[]): Promise<string[]> {
    const states = await shop.app.states(ids)
    const names = new Set(await named())
    const again = await shop.app.states(ids)
    // A row that is read after the states has them, and has its state in the ones after it.
    expect(ids.filter((id, at) => states[at] === 'SUCCESS' && !names.has(id))).toEqual([])
    expect(ids.filter((id, at) => names.has(id) && again[at] !== 'SUCCESS')).toEqual([])
    return ids.filter((id) => !names.has(id))
  }
}
