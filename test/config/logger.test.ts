import { expect, test } from 'vitest'
import { Beat } from '../../src/beat/beat.ts'
import { Celeriac, createLogger } from '../../src/index.ts'
import { ArgumentError } from '../../src/std/errors.ts'
import { testApp } from '../../src/testing/testing.ts'
import { Worker } from '../../src/worker/worker.ts'

const write = (): void => undefined
const plain = { debug: write, info: write, warn: write, error: write }
const app = new Celeriac({ broker: 'memory:', logger: false })

test.each<[wrong: unknown, missing: string]>([
  ['debug', 'got "debug" without debug, info, warn, error, child'],
  [true, 'got true without debug'],
  [null, 'got null without debug'],
  [plain, 'got an object without child'],
])('a log that is %j is refused where it is given, by app, worker, beat and test', async (wrong, message) => {
  const logger = wrong as never
  const uses = [() => new Celeriac({ logger }), () => new Worker(app, { logger }), () => new Beat(app, { logger })]
  for (const use of uses) {
    expect(use).toThrow(ArgumentError)
    expect(use).toThrow('logger: expected false, or a logger with debug, info, warn, error, child, got ')
    expect(use).toThrow(message)
  }
  await expect(testApp(app, { logger })).rejects.toThrow(message)
})

test('pino, the console with a child, and our own are taken', () => {
  const console = { ...plain, child: () => console }
  for (const logger of [createLogger('silent'), console, false as const]) new Celeriac({ broker: 'memory:', logger })
})
