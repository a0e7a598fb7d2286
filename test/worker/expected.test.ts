import { describe, expect, it } from 'vitest'
import { App } from '../../src/app/app.ts'
import { createLogger } from '../../src/std/log.ts'
import { next, until, useLab } from '../app/lab.ts'
import { defineExpected, NotFound } from './modules/expected.ts'

const lab = useLab('sqlite')
const module = new URL('./modules/expected.ts', import.meta.url).href

type Line = Record<string, unknown>

describe.each(['inline', 'threads', 'processes'] as const)('errors that a task declares, in %s', (pool) => {
  it('FAILURE with its traceback; logged as info without it', async () => {
    const lines: Line[] = []
    const logger = createLogger('info', { write: (line: string) => void lines.push(JSON.parse(line)) })
    const app = defineExpected(lab().app())
    await lab().work(app, { pool, concurrency: 1, module: pool === 'inline' ? undefined : module, logger })
    const told = next(app, 'task:failure')
    const expected = await app.send('find', ['a'])
    await expect(expected.get({ timeout: '20s' })).rejects.toMatchObject({ type: 'NotFound', message: 'no a' })
    expect(await told).toMatchObject({ id: expected.id, expected: true })
    expect(await expected.info()).toMatchObject({
      state: 'FAILURE',
      error: { traceback: expect.stringContaining('NotFound') },
    })
    const other = await app.send('find', [''])
    await expect(other.get({ timeout: '20s' })).rejects.toMatchObject({ type: 'RangeError' })
    const of = (id: string): Line | undefined => lines.find((line) => line.id === id && line.error !== undefined)
    await until(() => of(other.id) !== undefined)
    expect(of(expected.id)).toMatchObject({ level: 30, error: 'NotFound' })
    expect(of(expected.id)?.msg).toMatch(/^Task find\[.*\] raised an expected error in [\d.]+s: NotFound: no a$/)
    expect(of(expected.id)).not.toHaveProperty('traceback')
    expect(of(other.id)).toMatchObject({ level: 50, error: 'RangeError', traceback: expect.any(String) })
  })
})

it('below the level of the log there is no line', async () => {
  const lines: Line[] = []
  const logger = createLogger('error', { write: (line: string) => void lines.push(JSON.parse(line)) })
  const app = defineExpected(lab().app())
  await lab().work(app, { logger })
  await expect(app.send('find', ['a']).get({ timeout: '20s' })).rejects.toBeInstanceOf(Error)
  await expect(app.send('find', ['']).get({ timeout: '20s' })).rejects.toBeInstanceOf(Error)
  await until(() => lines.length > 0)
  expect(lines.map(({ error }) => error)).toEqual(['RangeError'])
})

it('subclasses count, retries come first, and what a retry was for counts', async () => {
  class Gone extends NotFound {
    override readonly name = 'Gone'
  }
  const app = lab().app()
  let runs = 0
  const task = app.task(
    'task',
    () => {
      runs++
      throw new Gone('no')
    },
    { throws: [NotFound], retry: { max: 1, delay: 1 } },
  )
  await lab().work(app)
  const told = next(app, 'task:failure')
  await expect(task.delay().get({ timeout: '20s' })).rejects.toMatchObject({ type: 'Gone' })
  expect(await told).toMatchObject({ expected: true })
  expect(runs).toBe(2)
})

it.each([['NotFound'], [[NotFound.name]], [[Object]], [[null]], [NotFound]])('%o is refused', (throws) => {
  const app = new App({ broker: 'memory:' })
  expect(() => app.task('task', () => 1, { throws: throws as never })).toThrow(
    'task task: throws: expected a list of error classes, got',
  )
})
