import { fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import type { Signals } from '../../src/app/signals.ts'
import { createLogger } from '../../src/std/log.ts'
import { LoopWatch } from '../../src/worker/loopWatch.ts'
import { WorkerState } from '../../src/worker/state.ts'
import { next, until, useLab } from '../app/lab.ts'
import { block } from '../wait.ts'

const lab = useLab('memory')

describe('which tasks have blocked the loop', () => {
  const pace = { limit: 300, interval: 50 }

  /** What is reported of the first block. */
  async function reported(run: (state: WorkerState) => void): Promise<Omit<Signals['worker:blocked'], 'hostname'>> {
    const state = new WorkerState()
    const told = Promise.withResolvers<Omit<Signals['worker:blocked'], 'hostname'>>()
    const watch = new LoopWatch(state, told.resolve, pace)
    watch.start()
    await sleep(pace.interval * 2)
    run(state)
    try {
      return await told.promise
    } finally {
      watch.stop()
    }
  }

  function begin(state: WorkerState, task: string, id: string): void {
    state.begin({ id, facts: { task, id, queue: 'celery', retries: 0 } } as never)
  }

  it('the one that has begun', async () => {
    const blocked = await reported((state) => {
      begin(state, 'resize', '1')
      block(400)
    })
    expect(blocked).toMatchObject({ tasks: { resize: 1 }, certain: true, id: '1' })
    expect(blocked.time).toBeGreaterThan(299)
  })

  it('those that have begun, one after the other', async () => {
    const blocked = await reported((state) => {
      for (const id of ['1', '2', '3']) begin(state, 'resize', id)
      begin(state, 'mail', '4')
      block(400)
    })
    expect(blocked).toMatchObject({ tasks: { resize: 3, mail: 1 }, certain: true, id: undefined })
  })

  it('where none has begun, one of those that run', async () => {
    const blocked = await reported((state) => {
      begin(state, 'resize', '1')
      begin(state, 'mail', '2')
      setTimeout(() => block(600), 3 * pace.interval)
    })
    expect(blocked).toMatchObject({ tasks: { resize: 1, mail: 1 }, certain: false, id: undefined })
  })

  it('nothing, where no task runs', async () => {
    expect(await reported(() => block(400))).toMatchObject({ tasks: {}, certain: false, id: undefined })
  })
})

it('a worker names a task that has blocked its loop for 5 s, with advice', async () => {
  const lines: Record<string, unknown>[] = []
  const logger = createLogger('warn', { write: (line: string) => void lines.push(JSON.parse(line)) })
  const app = lab().app()
  const task = app.task('resize', () => block(6500))
  await lab().work(app, { logger })
  const told = next(app, 'worker:blocked')
  const handle = await task.delay()
  await handle.get({ timeout: '60s' })
  expect(await told).toMatchObject({ tasks: { resize: 1 }, id: handle.id })
  await until(() => lines.length > 0)
  expect(lines[0]?.msg).toMatch(
    /^Task resize\[.{36}\] has blocked the event loop for [5-9]\.\d{3}s; no other task .* use pool: 'threads' or 'processes'/,
  )
})

it('a process that was stopped, and not busy, has blocked nothing', async () => {
  const child = fork(new URL('./modules/idle.ts', import.meta.url))
  lab().after(() => child.kill('SIGKILL'))
  await once(child, 'message')
  // It is busy while it sends that.
  await sleep(300)
  child.kill('SIGSTOP')
  await sleep(1500)
  child.kill('SIGCONT')
  child.send('report')
  const [reports] = await once(child, 'message')
  expect(reports).toBe(0)
})
