import { afterAll, beforeAll, expect, test } from 'vitest'
import type { App } from '../../../src/app/app.ts'
import { until } from '../../app/lab.ts'
import type { PythonClient } from '../celery.ts'
import { Fleet, type FleetOptions } from '../fleet.ts'

/** Results by rpc://: messages to a queue of the caller. */
export function rpc(kind: FleetOptions = {}): void {
  let fleet: Fleet
  let app: App
  let python: PythonClient

  beforeAll(async () => {
    fleet = await Fleet.start({ ...kind, results: 'rpc' })
    await fleet.work(fleet.app())
    await fleet.pythonWorker()
    app = fleet.app()
    python = await fleet.pythonClient({ queue: 'typescript' })
  })
  afterAll(() => fleet.end())

  test('our client, Python worker', async () => {
    const results = await Promise.all(
      Array.from({ length: 20 }, (_, n) => app.send('py.add', [n, n], { queue: 'python' })),
    )
    const values = await Promise.all(results.map((result) => result.get({ timeout: '20s' })))
    expect(values).toEqual(results.map((_, n) => 2 * n))
  })

  test('our client, Python worker: a failure', async () => {
    const result = await app.send('py.fail', [], { queue: 'python' })
    await expect(result.get({ timeout: '20s' })).rejects.toThrow("('boom', 1)")
    expect((await result.info())?.error).toMatchObject({ type: 'ValueError' })
  })

  test('our client, Python worker: progress and states of its own', async () => {
    const result = await app.send('py.progress', [], { queue: 'python' })
    const seen: string[] = []
    for await (const { state } of result.events({ timeout: '20s' })) {
      if (state === 'PROGRESS' || state === 'STEP 1') await fleet.open(result.id)
      if (seen.at(-1) !== state) seen.push(state)
    }
    // Only a slow worker leaves the time to see the first.
    expect(seen.filter((state) => state !== 'PENDING')).toEqual(['PROGRESS', 'STEP 1', 'SUCCESS'])
  })

  test('Python client, our worker', async () => {
    const calls = Array.from({ length: 20 }, (_, n) => [n, n])
    const ids = await python.call<string[]>('many', { task: 'ts.add', calls })
    expect(await python.call('get_many', { ids })).toEqual(calls.map(([n]) => 2 * (n as number)))
  })

  test('Python client, our worker: a failure', async () => {
    const { status, error } = await python.run('ts.fail')
    expect({ status, ...error }).toMatchObject({ status: 'FAILURE', type: 'TypeError', text: 'no such thing' })
  })

  test('Python client, our worker: progress', async () => {
    const id = await python.send('ts.progress')
    // Not by looking at its state again and again: Celery puts back what it saw behind what has come since, and so loses it.
    const states = python.call('watch', { id })
    for (const gate of [1, 2]) {
      await until(async () => (await fleet.lines('waiting')).length === gate)
      await fleet.open(id)
    }
    expect(await states).toEqual([
      ['PROGRESS', { done: 1, of: 2 }],
      ['STEP 1', ['custom']],
      ['SUCCESS', 'done'],
    ])
  })

  test('Python client, our worker: a chain brings its result to whoever began it', async () => {
    const steps = ['typescript', 'python', 'typescript'].map((queue) => {
      return { task: queue === 'python' ? 'py.add' : 'ts.add', args: [1], options: { queue } }
    })
    const [first, ...rest] = steps
    const ids = await python.call<string[]>('run_chain', { steps: [{ ...first, args: [1, 1] }, ...rest] })
    expect(await python.get(ids.at(-1) as string)).toMatchObject({ result: 4 })
  })

  test('nothing is stored', async () => {
    expect(await fleet.redis.keys('celery-task-meta-*')).toEqual([])
  })
}
