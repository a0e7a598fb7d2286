import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { until } from '../../app/lab.ts'
import { eventually } from '../../wait.ts'
import type { PythonClient, PythonSignature } from '../celery.ts'
import { Fleet, type FleetOptions } from '../fleet.ts'

/** Links and chains of a Python client, over workers of both kinds. */
export function links(kind: FleetOptions = {}): void {
  let fleet: Fleet
  let python: PythonClient

  beforeAll(async () => {
    fleet = await Fleet.start(kind)
    await fleet.work(fleet.app())
    await fleet.pythonWorker()
    python = await fleet.pythonClient({ queue: 'typescript' })
  })
  afterAll(() => fleet.end())

  const ours = (task: string, args: unknown[] = [], more: Partial<PythonSignature> = {}): PythonSignature => ({
    task,
    args,
    ...more,
    options: { queue: 'typescript', ...more.options },
  })
  const theirs = (task: string, args: unknown[] = []): PythonSignature => ({ task, args, options: { queue: 'python' } })

  function noted(line: string): Promise<unknown> {
    return until(async () => (await fleet.lines('notes')).includes(line))
  }

  test('the error of a Python task that ours has called reaches Python as it was', async () => {
    const id = await python.send('ts.pass_on', ['py.out_of_stock', 'python'])
    const error = await python.call('caught', { id, module: 'errors', name: 'OutOfStock' })
    expect(error).toMatchObject({ args: ['apple', 3, [1.5, null]] })
  })

  describe('links', () => {
    test('a callback gets the result, wherever it runs', async () => {
      const link = [ours('ts.note', ['one']), theirs('py.note', ['two'])]
      expect(await python.run('ts.add', [1, 2], { link })).toMatchObject({ result: 3 })
      await noted('ts.note 3 one')
      await noted('py.note 3 two')
    })

    test('the result is the first argument of an object task', async () => {
      const steps = [
        ours('ts.add', [1, 2]),
        ours('ts.scale', [], { kwargs: { by: 5 } }),
        theirs('py.add', [1]),
        ours('ts.scale'),
      ]
      const ids = await python.call<string[]>('run_chain', { steps })
      expect(await python.get(ids.at(-1) as string)).toMatchObject({ status: 'SUCCESS', result: 160 })
    })

    test('an immutable callback gets its own arguments only', async () => {
      await python.run('ts.add', [1, 2], { link: [ours('ts.note', ['alone'], { immutable: true })] })
      await noted('ts.note alone')
    })

    test('a callback of a Python task runs here', async () => {
      await python.run('py.add', [5, 6], { queue: 'python', link: [ours('ts.note', ['from python'])] })
      await noted('ts.note 11 from python')
    })

    test('callbacks are children', async () => {
      const id = await python.send('ts.add', [1, 2], {
        link: [ours('ts.add', [10], { options: { task_id: 'linked-1' } })],
      })
      await python.get(id)
      expect(await python.call('children', { id })).toEqual(['linked-1'])
      expect(await python.get('linked-1')).toMatchObject({ result: 13 })
    })

    test('an errback gets the id of the task that failed, and a callback does not run', async () => {
      const options = { link: [ours('ts.note', ['never'])], link_error: [ours('ts.note', ['failed'])] }
      const id = await python.send('ts.fail', [], options)
      expect(await python.get(id)).toMatchObject({ status: 'FAILURE' })
      await noted(`ts.note ${id} failed`)
      expect((await fleet.lines('notes')).filter((line) => line.includes('never'))).toEqual([])
    })
  })

  describe('chains', () => {
    test('of our tasks', async () => {
      const ids = await python.call<string[]>('run_chain', {
        steps: [ours('ts.add', [1, 1]), ours('ts.add', [10]), ours('ts.join', ['last'])],
      })
      expect(await python.get(ids.at(-1) as string)).toMatchObject({ result: '12-last' })
      expect(await python.get(ids[1] as string)).toMatchObject({ result: 12 })
    })

    test('across both kinds of worker', async () => {
      const ids = await python.call<string[]>('run_chain', {
        steps: [ours('ts.add', [1, 1]), theirs('py.add', [10]), ours('ts.add', [100]), theirs('py.join', ['last'])],
      })
      expect(await python.get(ids.at(-1) as string)).toMatchObject({ result: '112-last' })
      if (fleet.kind.results === 'rpc') return
      // What follows may end before the record of the step before it is written, as with Celery's own workers.
      const record = await eventually(
        () => fleet.redis.get(`celery-task-meta-${ids[2]}`),
        (text) => text !== null,
      )
      expect(JSON.parse(record as string)).toMatchObject({ parent_id: ids[1] })
    })

    test('a failure ends the chain, and its tail says so', async () => {
      const steps = [ours('ts.fail', ['broken']), ours('ts.note', ['never after failure'])]
      const ids = await python.call<string[]>('run_chain', { steps })
      expect(await python.get(ids[0] as string)).toMatchObject({ status: 'FAILURE', error: { text: 'broken' } })
      expect(await python.get(ids[1] as string)).toMatchObject({ status: 'FAILURE' })
      expect((await fleet.lines('notes')).filter((line) => line.includes('never'))).toEqual([])
    })
  })

  test('a group after a task', async () => {
    const found = await python.call<{ first: string; members: string[] }>('run_chain_to_group', {
      first: ours('ts.add', [1, 1]),
      members: [ours('ts.add', [1]), theirs('py.add', [2]), ours('ts.add', [3])],
    })
    expect(await python.get(found.first)).toMatchObject({ status: 'SUCCESS', result: 2 })
    const results = await Promise.all(found.members.map((id) => python.get(id)))
    expect(results.map(({ result }) => result)).toEqual([3, 4, 5])
  })
}
