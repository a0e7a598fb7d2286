import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { Celeriac } from '../../src/celeriac.ts'
import { Control } from '../../src/control/control.ts'
import { EventReceiver } from '../../src/events/receiver.ts'
import { serve } from '../../src/http/server/serve.ts'
import { createLogger } from '../../src/std/log.ts'
import { type Lab, until, useLab } from '../app/lab.ts'

/* `sensitive`: values that no log, event, text of arguments or error shows, and that are stored whole. */

const NUMBER = '4111 "1111" 2222'
const card = { number: NUMBER, holder: 'Mara' }
const WAIT = { timeout: '60s' } as const

function open(lab: Lab) {
  const lines: string[] = []
  const logger = createLogger('debug', { write: (line: string) => void lines.push(line) })
  const app = new Celeriac({ broker: lab.url, logger, taskSentEvents: true })
  lab.after(() => app.close())
  return { app, lines }
}

describe('on SQLite', () => {
  const lab = useLab('sqlite')

  test('logs, events, texts of arguments, answers and errors are without them; messages and results have them', async () => {
    const { app, lines } = open(lab())
    const held = Promise.withResolvers<void>()
    const holding = Promise.withResolvers<void>()
    const pay = app.task({
      name: 'pay',
      input: z.object({ card: z.object({ number: z.string(), holder: z.string() }), fails: z.boolean().optional() }),
      sensitive: ['card.number'],
      run: async (input) => {
        holding.resolve()
        await held.promise
        if (input.fails)
          throw new RangeError(`${input.card.number} refused`, { cause: new Error(JSON.stringify(input)) })
        return input
      },
    })
    const events: string[] = []
    const receiver = new EventReceiver(app)
    receiver.onEvent((event) => events.push(JSON.stringify(event)))
    await receiver.start()
    lab().after(() => receiver.stop())
    await lab().work(app, { logger: undefined, taskEvents: true })
    const sent = await pay.applyAsync({ card }, { keepInput: true })
    const failed = await pay.delay({ card, fails: true })
    await holding.promise
    const inspect = new Control(app).inspect({ timeout: '20s', limit: 1 } as object)
    const answers = JSON.stringify([await inspect.active(), await inspect.active({ safe: true })])
    expect(answers).toContain('Mara')
    held.resolve()
    expect(await sent.get(WAIT)).toEqual({ card })
    const error = await failed.get(WAIT).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ type: 'RangeError', message: '… refused' })
    expect((error as { traceback: string }).traceback).toContain('"holder":"Mara"')
    await until(() => events.join().includes('task-failed') && events.join().includes('task-succeeded'))
    const seen = [answers, JSON.stringify(error), (error as { traceback: string }).traceback, ...lines, ...events]
    for (const text of seen) expect(text).not.toMatch(/4111|2222/)
    expect(lines.join()).toContain('Mara')
    expect(events.join()).toContain('Mara')
    const info = await failed.info()
    expect(JSON.stringify(info)).not.toContain('4111')
  })

  test('positional arguments by the names of their parameters; all of them where these are not known', async () => {
    const { app } = open(lab())
    const named = app.task('named', (_sum: number, secret: unknown) => secret, { sensitive: ['secret.code'] })
    const listed = app.task('listed', (cards: unknown) => cards, { sensitive: ['cards.number'] })
    const unknown = app.task('unknown', (...all: unknown[]) => all, { sensitive: ['secret'] })
    const reprs: unknown[] = []
    const shown = async (id: string) => {
      const row = lab().database().prepare('SELECT head FROM celeriac_message WHERE task_id = ?').get(id)
      const [headers] = JSON.parse((row as { head: string }).head) as [Record<string, unknown>]
      reprs.push(headers.argsrepr)
    }
    await shown((await named.delay(5, { code: 'abc', more: 1 })).id)
    await shown((await listed.delay([{ number: 1 }, { number: 2, x: 3 }])).id)
    await shown((await unknown.delay('a', 'b')).id)
    await shown((await named.s(5, { code: 'abc' }).delay()).id)
    expect(reprs).toEqual([
      "(5, {'code': '…', 'more': 1})",
      "([{'number': '…'}, {'number': '…', 'x': 3}],)",
      "('…', '…')",
      "(5, {'code': '…'})",
    ])
  })

  test('a schema that quotes the value is not quoted, by the call and over HTTP', async () => {
    const { app, lines } = open(lab())
    const schema = {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: (value: unknown) => ({
          issues: [{ message: `wrong: ${(value as typeof input).card.number}`, path: ['card', 'number'] }],
        }),
      },
    } as const
    const input = { card }
    const pay = app.task({ name: 'pay', input: schema as never, sensitive: ['card'], run: () => 1 })
    expect(() => pay.delay(input as never)).toThrow('task pay: card.number: wrong: …')
    const server = await serve(app.http({ expose: [pay] }), { port: 0 })
    lab().after(() => server.close())
    const response = await fetch(`http://127.0.0.1:${server.port}/v1/tasks/pay`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(input),
    })
    const text = await response.text()
    expect([response.status, text]).toEqual([422, expect.stringContaining('wrong: …')])
    expect(text + lines.join()).not.toMatch(/4111|2222/)
  })

  test('a list that contains itself is refused as without it', async () => {
    const { app } = open(lab())
    const task = app.task('x', (list: unknown) => list, { sensitive: ['list.a'] })
    const endless: unknown[] = []
    endless.push(endless, endless)
    expect(() => task.delay(endless)).toThrow(/circular structures cannot be sent/)
  })

  test.each([
    ['card', /sensitive: expected a list of at most 100 paths, got "card"/],
    [['card..number'], /sensitive: expected paths such as 'card.number', got "card..number"/],
    [[5], /sensitive: expected paths such as 'card.number', got 5/],
  ])('refuses %j', (sensitive, message) => {
    const { app } = open(lab())
    expect(() => app.task('x', () => 1, { sensitive: sensitive as never })).toThrow(message)
  })
})
