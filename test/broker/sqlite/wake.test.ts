import { writeFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ChangeWatcher } from '../../../src/stores/sqlite/changeWatcher.ts'
import { envelopeOf, toQueue } from '../../../src/testing/factories.ts'
import { pause, until } from '../../../src/testing/kit.ts'
import { Reader } from '../../../src/testing/reader.ts'
import { StandaloneSqliteBroker } from '../../stores/standalone.ts'
import { Child } from './child.ts'
import { Folder } from './folder.ts'

describe('a wake-up', () => {
  let folder: Folder

  beforeEach(() => {
    folder = new Folder()
  })

  afterEach(() => folder.remove())

  it('reaches another process, and its answer this one, within milliseconds', async () => {
    const child = new Child('echo.ts', [folder.url()])
    await child.says('ready')
    const broker = new StandaloneSqliteBroker(folder.url(), { lease: 30_000 })
    const reader = new Reader(await broker.consume([{ name: 'pong' }], { prefetch: 1, name: 'celery@test' }))
    const times: number[] = []
    for (let round = 0; round < 60; round++) {
      const start = performance.now()
      await broker.publish(envelopeOf(String(round)), toQueue('ping'))
      const delivery = await reader.next()
      times.push(performance.now() - start)
      await delivery.ack()
      // Idle again: what is measured is the way from sleep.
      await pause(8)
    }
    await broker.close()
    expect(await child.end()).toBe(0)
    times.sort((a, b) => a - b)
    // There and back.
    expect(times[30]).toBeLessThan(40)
  })

  it('costs nothing while nothing happens: it looks a few times a second', async () => {
    writeFileSync(folder.file('store.db-wal'), '')
    let looks = 0
    const wake = new ChangeWatcher(folder.file(), () => {
      looks++
      return 1
    })
    wake.on(() => undefined)
    await pause(1200)
    wake.close()
    expect(looks).toBeLessThanOrEqual(4)
  })

  it('comes by the slow look where the log cannot be watched, and after a look that failed', async () => {
    let counter = 1
    let broken = true
    let heard = 0
    const wake = new ChangeWatcher(folder.file('nowhere/store.db'), () => {
      if (counter === 2 && broken) {
        broken = false
        throw Object.assign(new Error('disk I/O error'), { errcode: 10 })
      }
      return counter
    })
    wake.on(() => heard++)
    counter = 2
    await until('it was heard', () => heard === 1)
    wake.close()
    expect(broken).toBe(false)
  })

  it('ends with the last listener', async () => {
    writeFileSync(folder.file('store.db-wal'), '')
    let counter = 1
    const heard: string[] = []
    const wake = new ChangeWatcher(folder.file(), () => counter)
    const stops = ['a', 'b'].map((name) => wake.on(() => heard.push(name)))
    stops[0]?.()
    counter++
    writeFileSync(folder.file('store.db-wal'), 'x')
    await until('b heard it', () => heard.length > 0)
    stops[1]?.()
    counter++
    writeFileSync(folder.file('store.db-wal'), 'y')
    await pause(50)
    expect(heard).toEqual(['b'])
    wake.close()
  })
})
