import { describe, expect, it } from 'vitest'
import type { App } from '../../src/app/app.ts'
import { WorkerCheck } from '../../src/calls/workerCheck.ts'
import { createLogger } from '../../src/std/log.ts'
import { currentTask } from '../../src/tasks/current.ts'
import { ManualClock } from '../beat/clock.ts'
import { onFewStores, until, useLab } from './lab.ts'
import { storesOf } from './stores.ts'

/** A logger that keeps its warnings. */
function listener() {
  const warnings: string[] = []
  const warn = (_: object, text: string): void => void warnings.push(text)
  const logger = Object.assign(createLogger('silent'), { warn })
  return { warnings, logger }
}

function checkOf(app: App): WorkerCheck {
  return new WorkerCheck(
    () => app.config,
    () => storesOf(app),
    40,
  )
}

onFewStores((lab, kind) => {
  it('says once, with the store, that nothing has taken a task while no worker is connected', async () => {
    const { warnings, logger } = listener()
    const app = lab().app({ logger })
    const check = checkOf(app)
    const { url } = (await storesOf(app)).broker
    const first = await app.send('add', [1, 2])
    const ends = [check.begin(first.id), check.begin((await app.send('add', [1, 2])).id)]
    await until(() => warnings.length > 0)
    check.begin(first.id)
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(warnings).toEqual([
      `no worker is connected to ${url}: nothing has taken task add[${first.id}] from queue celery yet`,
    ])
    for (const end of ends) end()
  })

  it('says nothing where a worker is connected, though it is busy', async () => {
    const { warnings, logger } = listener()
    const app = lab().app({ logger })
    const gate = Promise.withResolvers<void>()
    const held = app.task('held', () => gate.promise)
    await lab().work(app, { concurrency: 1 })
    const handles = await held.delayMany([[], []])
    const check = checkOf(app)
    for (const { id } of handles) check.begin(id)
    await new Promise((resolve) => setTimeout(resolve, 250))
    gate.resolve()
    await Promise.all(handles.map((handle) => handle.get()))
    expect(warnings).toEqual([])
  })

  it('a task that waits for its child in a full pool is warned of, once, with both', async () => {
    const { warnings, logger } = listener()
    const app = lab().app({ logger })
    const check = checkOf(app)
    const child = app.task('child', () => 'done')
    const parent = app.task('parent', async () => {
      const { id } = await child.delay()
      const own = currentTask()
      const end = [check.begin(id, own), check.begin(id, own)]
      await until(() => warnings.length > 0)
      for (const one of end) one()
      return id
    })
    await lab().work(app, { concurrency: 1 })
    const handle = await parent.delay()
    const id = await handle.get({ timeout: '20s' })
    expect(warnings).toHaveLength(1)
    expect(warnings[0], kind).toContain(`task parent[${handle.id}] holds a slot of its worker`)
    expect(warnings[0]).toContain(`task child[${id}], which no worker of queue celery has a free slot for`)
  })
})

describe('the store is asked nothing', () => {
  const lab = useLab('memory')

  it('where the waits end before their time', async () => {
    const app = lab().app()
    let asked = 0
    const check = new WorkerCheck(
      () => app.config,
      () => {
        asked++
        return storesOf(app)
      },
      30,
    )
    for (let turn = 0; turn < 5; turn++) {
      const end = check.begin('x')
      await new Promise((resolve) => setTimeout(resolve, 15))
      end()
    }
    expect(asked).toBe(0)
  })
})

describe('get()', () => {
  const lab = useLab('sqlite')

  it('warns after five seconds, in a task that holds the only slot too, and goes on', async () => {
    const clock = new ManualClock(Date.now())
    const { warnings, logger } = listener()
    const full = listener()
    const app = lab().app({ logger, clock })
    const double = app.task('double', (n: number) => n * 2)
    const inMemory = new ManualClock(Date.now())
    const other = lab().app({ broker: 'memory:', logger: full.logger, clock: inMemory })
    const child = other.task('child', () => 'done')
    const parent = other.task('parent', () => child.delay().get({ timeout: '5500ms' }))
    await lab().work(other, { pool: 'solo' })
    const holding = await parent.delay()
    const waiting = double.delay(4).get({ timeout: '1h' })
    // Both wait.
    await until(() => clock.waited && inMemory.waited)
    for (const one of [clock, inMemory]) one.advance(4999)
    expect([warnings, full.warnings]).toEqual([[], []])
    for (const one of [clock, inMemory]) one.advance(1)
    await until(() => warnings.length === 1 && full.warnings.length === 1)
    expect(warnings[0]).toContain(`no worker is connected to sqlite:${lab().path}: nothing has taken task double[`)
    await lab().work(app)
    expect(await waiting).toBe(8)
    inMemory.advance(500)
    await expect(holding.get()).rejects.toMatchObject({ type: 'TimeoutError' })
    expect(full.warnings).toEqual([expect.stringContaining(`task parent[${holding.id}] holds a slot`)])
  })
})
