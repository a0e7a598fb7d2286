import { describe, expect, it } from 'vitest'
import { currentTask, type TaskContext } from '../../src/tasks/current.ts'
import { told } from '../../src/testing/suites/pool/poolTasks.ts'
import { onEachStore, useLab } from './lab.ts'

const look = (..._: number[]): Record<string, unknown> => told(currentTask() as TaskContext)

onEachStore((lab) => {
  it('a task reads what its message said', async () => {
    const app = lab().app()
    const task = app.task('look', look, { softTimeLimit: '15m' })
    const before = Date.now()
    const handle = await task.applyAsync([1, 2], { priority: 5, expires: '1h', timeLimit: '30m', countdown: 5 })
    await lab().work(app)
    const { origin, eta, expires, ...rest } = await handle.get()
    expect(origin).toMatch(/^gen\d+@/)
    expect(new Date(eta as string).getTime()).toBeGreaterThanOrEqual(before + 5)
    expect(new Date(expires as string).getTime()).toBeGreaterThanOrEqual(before + 3_600_000)
    expect(rest).toEqual({
      args: [1, 2],
      kwargs: {},
      retries: 0,
      priority: 5,
      timeLimit: 1_800_000,
      softTimeLimit: 900_000,
      correlationId: handle.id,
      deliveryInfo: { exchange: '', routingKey: 'celery', priority: 5, redelivered: false },
      contentType: 'application/json',
      chord: null,
      chain: [],
      callbacks: [],
      errbacks: [],
      stampedHeaders: [],
      stamps: {},
      ignoreResult: false,
      replacedTaskNesting: 0,
      argsrepr: '(1, 2)',
      kwargsrepr: '{}',
      isEager: false,
      calledDirectly: false,
    })
  })
})

describe('without a worker', () => {
  const lab = useLab('memory')

  it('eager: the message is there; a direct call has none', async () => {
    const app = lab().app({ alwaysEager: true })
    const task = app.task('look', look)
    const eager = await task.applyAsync([1], { priority: 5 }).get()
    expect(eager).toMatchObject({ isEager: true, calledDirectly: false, priority: 5, argsrepr: '(1,)' })
    const direct = task(1)
    expect(direct).toMatchObject({ isEager: false, calledDirectly: true, args: [1], retries: 0, chain: [], stamps: {} })
    expect([direct.priority, direct.deliveryInfo, direct.correlationId, direct.origin]).toEqual(
      Array(4).fill(undefined),
    )
  })
})
