import fc from 'fast-check'
import { afterAll, expect, test } from 'vitest'
import { ArgumentError, CeleriacError } from '../../src/std/errors.ts'
import { fitsTopic } from '../../src/std/glob.ts'
import { patternOf } from '../../src/stores/postgres/broker/bindings.ts'
import type { Database } from '../../src/stores/postgres/connection/database.ts'
import { RowsStatement } from '../../src/stores/postgres/connection/rows.ts'
import { runs } from '../tier.ts'
import { emptyPostgres } from './shared.ts'
import { openDatabase } from './standalone.ts'

let opened: Promise<Database> | undefined
const database = (): Promise<Database> => {
  opened ??= emptyPostgres().then((url) => openDatabase(url))
  return opened
}
afterAll(async () => (await opened)?.close())

const ECHO = new RowsStatement(
  'echo',
  { number: 'int', text: 'text', bytes: 'bytes' },
  ` SELECT at, number, text, encode(decode(bytes, 'base64'), 'hex') FROM given ORDER BY at`,
)

test('rows of whatever texts, bytes and numbers arrive as they are', async () => {
  const db = await database()
  // What stands between two texts, and in place of NULL, is a text, too.
  const text = fc.oneof(
    fc.string({ unit: 'grapheme' }),
    fc.constantFrom('', '\x1f', '\x1e', '\x1e\x1f', 'a\x1fb', '"\\{},'),
  )
  const row = fc.record({
    number: fc.option(fc.maxSafeInteger()),
    text: fc.option(text.filter((one) => !one.includes('\0'))),
    bytes: fc.option(fc.uint8Array()),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 12 }), async (given) => {
      const rows = ECHO.rows()
      for (const { number, text: one, bytes } of given) rows.add(number, one, bytes)
      const [answer = []] = await db.run([ECHO.step(rows)])
      expect(answer).toEqual(
        given.map(({ number, text: one, bytes }, at) => [
          String(at),
          number === null ? null : String(number),
          one,
          bytes && Buffer.from(bytes).toString('hex'),
        ]),
      )
    }),
    { numRuns: runs(300) },
  )
})

test('a text with a zero character is refused before it is sent', async () => {
  expect(() => ECHO.rows().add(1, 'a\0b', null)).toThrow(ArgumentError)
})

test("topic patterns mean to the server what they mean to AMQP's rules", async () => {
  const db = await database()
  const statement = { name: 'fits', text: "SELECT ($1::text || '.') ~ $2::text" }
  const word = fc.constantFrom('a', 'b', 'ab', '', '+', 'x(y', '\\d', 'é')
  const key = fc.array(word, { minLength: 1, maxLength: 5 }).map((words) => words.join('.'))
  const pattern = fc
    .array(fc.oneof(word, fc.constantFrom('*', '#')), { minLength: 1, maxLength: 5 })
    .map((words) => words.join('.'))
  await fc.assert(
    fc.asyncProperty(pattern, key, async (one, other) => {
      const [[row] = []] = await db.run([{ statement, values: [other, patternOf(one)] }])
      expect({ one, other, fits: row?.[0] === 't' }).toEqual({ one, other, fits: fitsTopic(one, other) })
    }),
    { numRuns: runs(600) },
  )
})

test('an error of one statement undoes all of a round trip; the connection and its statements go on', async () => {
  const db = await database()
  const put = (key: string) => ({
    statement: { name: 'put', text: "INSERT INTO celeriac.note (key, value, expires) VALUES ($1, '', 0)" },
    values: [key],
  })
  const fail = { statement: { name: 'fail', text: 'SELECT 1 / $1::integer' }, values: [0] }
  const after = { statement: { name: 'after', text: 'SELECT 7' }, values: [] }
  for (let times = 0; times < 3; times++) {
    await expect(db.run([put(`before${times}`), fail, after])).rejects.toThrow(CeleriacError)
    await db.run([put(`kept${times}`), after])
  }
  const list = { statement: { name: 'list', text: 'SELECT key FROM celeriac.note ORDER BY key' }, values: [] }
  expect(await db.run([list, after])).toEqual([[['kept0'], ['kept1'], ['kept2']], [['7']]])
})
