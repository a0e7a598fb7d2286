import { expect, test } from 'vitest'
import type { LiveSubject } from '../../../src/client/client.ts'
import { mergedParts, message, type Part } from '../../../src/http/fleet/changes/part.ts'
import { systemClock } from '../../../src/std/clock.ts'
import { StoreUnavailableError } from '../../../src/std/errors.ts'

/** What was recorded, and a part that has all of it since its last message. */
class Source implements Part {
  readonly interval = 10
  readonly idle = 1
  readonly isRecorded = true
  readonly subject: LiveSubject = 'jobs'
  readonly #watching = new Set<() => void>()
  #waiting = 0
  reads = 0
  isDown = false

  readonly watch = (written: () => void): (() => void) => {
    this.#watching.add(written)
    return () => this.#watching.delete(written)
  }

  get watchers(): number {
    return this.#watching.size
  }

  record(count: number): void {
    this.#waiting += count
    for (const written of this.#watching) written()
  }

  async read(isWanted: boolean): Promise<string | undefined> {
    this.reads++
    if (this.isDown) throw new StoreUnavailableError('down')
    const count = this.#waiting
    this.#waiting = 0
    return count === 0 && !isWanted ? undefined : message('jobs', { count })
  }
}

function open(source: Source) {
  const end = new AbortController()
  const stream = mergedParts([source], source.watch, { clock: systemClock, signal: end.signal })
  return { end, stream, next: async () => (await stream.next()).value as string }
}

const dataOf = (text: string): unknown => JSON.parse(/^data: (.*)$/m.exec(text)?.[1] ?? 'null')

test('a slow reader gets all that has changed meanwhile in one message, after the one that waited', async () => {
  const source = new Source()
  const { end, stream, next } = open(source)
  expect(await next()).toContain('event: open')
  source.record(1)
  expect(dataOf(await next())).toEqual({ count: 1 })
  for (let round = 0; round < 20; round++) {
    source.record(5)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  const first = dataOf(await next()) as { count: number }
  const second = first.count === 100 ? 0 : (dataOf(await next()) as { count: number }).count
  expect(first.count + second).toBe(100)
  expect(source.reads).toBeLessThan(8)
  end.abort()
  expect(await stream.next()).toEqual({ done: true, value: undefined })
  expect(source.watchers).toBe(0)
})

test('nothing is read while nothing is recorded; the end is at once', async () => {
  const source = new Source()
  const { end, stream, next } = open(source)
  await next()
  const waiting = stream.next()
  await new Promise((resolve) => setTimeout(resolve, 100))
  expect(source.reads).toBe(1)
  end.abort()
  expect(await waiting).toEqual({ done: true, value: undefined })
})

test('what cannot be read is reported once, and read again when it can be', async () => {
  const source = new Source()
  const { end, next } = open(source)
  await next()
  source.isDown = true
  source.record(3)
  const problem = await next()
  expect(problem).toContain('event: problem')
  expect(dataOf(problem)).toEqual({ watch: 'jobs', detail: 'jobs cannot be read now: the store does not answer' })
  source.record(4)
  setTimeout(() => {
    source.isDown = false
  }, 100)
  expect(dataOf(await next())).toEqual({ count: 7 })
  end.abort()
})

test('a message ends a problem, also where nothing has changed meanwhile', async () => {
  const source = new Source()
  const { end, next } = open(source)
  await next()
  source.isDown = true
  source.record(0)
  expect(await next()).toContain('event: problem')
  source.isDown = false
  expect(dataOf(await next())).toEqual({ count: 0 })
  source.record(0)
  source.record(2)
  expect(dataOf(await next())).toEqual({ count: 2 })
  end.abort()
})

test('a defect ends the stream', async () => {
  const source = new Source()
  source.read = () => Promise.reject(new TypeError('a defect'))
  const { next } = open(source)
  await next()
  await expect(next()).rejects.toThrow('a defect')
  expect(source.watchers).toBe(0)
})
