import { expect, it } from 'vitest'
import type { Signals } from '../../../src/app/signals.ts'
import { BackPressure, type Limit, limitsOf } from '../../../src/worker/pressure/backPressure.ts'
import { block } from '../../wait.ts'

type Report = Omit<Signals['worker:pressure'], 'hostname'>

/** A limit of 100 of something, of which there is `value`. */
class Measured implements Limit {
  readonly name: Limit['name']
  readonly max = 100
  readonly bound = '100 (most)'
  value = 0

  constructor(name: Limit['name']) {
    this.name = name
  }

  measure(): number {
    return this.value
  }

  text(value: number): string {
    return `there is ${value}`
  }
}

function pressureOf(...limits: Measured[]): { pressure: BackPressure; reports: Report[] } {
  const reports: Report[] = []
  return { pressure: new BackPressure(limits, (report) => void reports.push(report)), reports }
}

it('above a limit one message may be held, and as many as before once it is well below', () => {
  const memory = new Measured('memory')
  const { pressure, reports } = pressureOf(memory)
  const most: number[] = []
  for (const value of [100, 101, 95, 90, 89, 95, 101, 0]) {
    memory.value = value
    pressure.look(1000)
    most.push(pressure.most(50))
  }
  expect(most).toEqual([50, 1, 1, 1, 50, 50, 1, 50])
  expect(reports.map(({ isExceeded, value }) => [isExceeded, value])).toEqual([
    [true, 101],
    [false, 89],
    [true, 101],
    [false, 0],
  ])
})

it('the reason is that of now, and its report is repeated each minute', () => {
  const memory = new Measured('memory')
  const { pressure, reports } = pressureOf(memory)
  expect(pressure.reason).toBeUndefined()
  memory.value = 150
  for (let now = 0; now <= 150_000; now += 1000) pressure.look(now)
  expect(reports.map(({ time }) => time)).toEqual([0, 60_000, 120_000])
  expect(pressure.reason).toBe('it takes one task at a time: there is 150, more than 100 (most)')
  memory.value = 95
  pressure.look(151_000)
  expect(pressure.reason).toBe('it takes one task at a time: there is 95, and was above 100 (most)')
  memory.value = 0
  pressure.look(152_000)
  expect(pressure.reason).toBeUndefined()
  expect(reports.at(-1)).toMatchObject({ isExceeded: false, time: 152_000, reason: 'there is 0' })
})

it('of two limits either is enough', () => {
  const memory = new Measured('memory')
  const loop = new Measured('event-loop')
  const { pressure, reports } = pressureOf(memory, loop)
  memory.value = loop.value = 150
  pressure.look(0)
  expect(pressure.most(0)).toBe(0)
  memory.value = 0
  pressure.look(1000)
  expect(pressure.most(50)).toBe(1)
  loop.value = 0
  pressure.look(2000)
  expect(pressure.most(50)).toBe(50)
  expect(reports.map(({ limit, isExceeded }) => `${limit} ${isExceeded}`)).toEqual([
    'memory true',
    'event-loop true',
    'memory false',
    'event-loop false',
  ])
})

it('how busy the loop is counts from one look to the next', async () => {
  const [limit] = limitsOf({ maxEventLoopUtilization: 0.5 }) as [Limit]
  limit.measure()
  block(200)
  await new Promise((resolve) => setImmediate(resolve))
  expect(limit.measure()).toBeGreaterThan(0.9)
  // What came before does not count. Node counts a busy machine's delays as use of the loop, for both alike.
  const since = performance.eventLoopUtilization()
  await new Promise((resolve) => setTimeout(resolve, 300))
  expect(limit.measure()).toBeCloseTo(performance.eventLoopUtilization(since).utilization, 1)
})
