import { expect, test } from 'vitest'
import type { App } from '../../src/app/app.ts'
import { diagnose } from '../../src/doctor/diagnosis.ts'
import { type Clock, systemClock } from '../../src/std/clock.ts'
import { ArgumentError } from '../../src/std/errors.ts'
import { createLogger, type Logger } from '../../src/std/log.ts'
import { inFull } from '../tier.ts'
import { type Lab, onStores, until } from './lab.ts'

/** What waits in the background waits a hundredth of its time. */
const clock: Clock = {
  ...systemClock,
  after: (ms, wake, background) => systemClock.after(background ? ms / 100 : ms, wake, background),
}

/** An app with a task that fails, and what it logs of dead letters. */
function appOf(lab: Lab): { app: App; lines: string[] } {
  const lines: string[] = []
  const log = (_: unknown, text: string): void => {
    if (text.includes('nearly full')) lines.push(text)
  }
  const logger: Logger = { ...createLogger('silent'), info: log, warn: log, child: () => logger }
  const app = lab.app({ logger, clock, deadLetters: { failed: true, max: 5, maxBytes: '64 KiB' } })
  app.task('fails', (text: string) => {
    throw new TypeError(`no ${text.slice(0, 10)}`)
  })
  return { app, lines }
}

onStores(['memory', 'sqlite', ...inFull('redis', 'postgres')], (lab) => {
  test('dead letters nearly full: a warning after a death, once, and again after there was room', async () => {
    const { app, lines } = appOf(lab())
    expect(await app.bounds()).toEqual([])
    await lab().work(app)
    const die = async (count: number, text = 'x'): Promise<void> => {
      const before = (await app.deadLetters.count()).celery ?? 0
      for (let at = 0; at < count; at++) await app.send('fails', [text])
      await until(async () => (await app.deadLetters.count()).celery === before + count)
    }
    const logged = (count: number): Promise<unknown> => until(async () => lines.length === count)
    await die(4)
    await logged(1)
    expect(lines).toEqual(['nearly full: dead letters: 4 of 5 (deadLetters.max), 80 %'])
    const [letters, bytes] = await app.bounds()
    expect(letters).toEqual({
      ...{ what: 'dead letters', option: 'deadLetters.max' },
      ...{ used: 4, limit: 5, nearlyFull: true },
    })
    expect(bytes).toMatchObject({ what: 'bytes of dead letters', option: 'deadLetters.maxBytes', limit: 65_536 })
    expect(bytes?.nearlyFull).toBe(false)
    expect((await diagnose(app)).findings.find(({ check }) => check === 'nearly-full')?.text).toMatch(
      /^dead letters: 4 of 5/,
    )
    await app.deadLetters.drop({ all: true })
    await die(1)
    await logged(2)
    expect(lines[1]).toMatch(/^not nearly full any more: dead letters: [01] of 5 \(deadLetters\.max\), /)
    await die(1, 'x'.repeat(60_000))
    await logged(3)
    expect(lines[2]).toMatch(/^nearly full: bytes of dead letters: 6\d{4} of 65536 \(deadLetters\.maxBytes\), 9\d %$/)
  })
})

onStores(['memory'], (lab) => {
  test.each([
    ['2 MB', /deadLetters: maxBytes: expected 1 to \d+ bytes, as a whole number or a text like '64 KiB', got "2 MB"/],
    [0, /maxBytes: expected 1 to/],
    [1.5, /maxBytes: expected 1 to/],
    ['2 TiB', /maxBytes: expected 1 to/],
  ])('deadLetters.maxBytes: %o is refused', (maxBytes, message) => {
    expect(() => lab().app({ deadLetters: { maxBytes } })).toThrow(ArgumentError)
    expect(() => lab().app({ deadLetters: { maxBytes } })).toThrow(message)
  })

  test.each([
    [undefined, 1024 ** 3],
    ['2 MiB', 2 * 1024 ** 2],
    [5000, 5000],
  ])('deadLetters.maxBytes: %o', (maxBytes, bytes) => {
    expect(lab().app({ deadLetters: { maxBytes } }).config.deadLetters.maxBytes).toBe(bytes)
  })
})
