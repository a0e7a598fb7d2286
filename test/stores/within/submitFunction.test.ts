import pg from 'pg'
import { beforeEach, describe, expect, it } from 'vitest'
import { timeOf } from '../../../src/std/id.ts'
import { PostgresServer } from '../../postgres/server.ts'
import { eventually } from '../../wait.ts'
import { useShop } from './shop.ts'

const shop = useShop()
beforeEach(() => shop.clear())

/** The value of an SQL expression. */
async function value(expression: string, values: readonly unknown[] = []): Promise<string> {
  const { rows } = await shop.pool.query({ text: `SELECT ${expression}`, values: [...values], rowMode: 'array' })
  return (rows as string[][])[0]?.[0] as string
}

const result = (id: string): Promise<unknown> => shop.app.result(id).get({ timeout: '10s' })

it('a job from SQL runs, and its id says when it was made', async () => {
  const before = Date.now()
  const id = await value(`celeriac.submit('pack', '{"args": [{"a": 1}], "kwargs": {}}', queue => 'other')`)
  expect(Math.abs((timeOf(id) ?? 0) - before)).toBeLessThan(2000)
  expect(await result(id)).toEqual({ a: 1 })
  const info = await shop.app.result(id).info()
  expect(info).toMatchObject({ id, task: 'pack', queue: 'other', state: 'SUCCESS' })
  expect(await value(`celeriac.submit('double', '[21]', id => 'mine')`)).toBe('mine')
  expect(await result('mine')).toBe(42)
  await eventually(
    () => shop.count('celeriac.message'),
    (count) => count === 0,
  )
})

it('its message and its record are those of a call of the application', async () => {
  const eta = new Date(Date.now() + 3_600_000)
  const options = { queue: 'third', priority: 7, eta, expires: new Date(+eta + 1000) }
  await shop.app.send('pack', ['é', { a: [1] }], { ...options, taskId: 'app' })
  const call = `celeriac.submit('pack', $1, 'third', 7, eta => $2, expires => $3, id => 'sql')`
  await value(call, [JSON.stringify(['é', { a: [1] }]), eta, options.expires])
  const { rows } = await shop.pool.query(
    `SELECT m.*, r.task, r.state, r.final, r.version, r.logged, r.created, r.expires, r.format, r.meta
    FROM celeriac.message m JOIN celeriac.result r ON r.id = m.task_id ORDER BY m.seq`,
  )
  const found = await Promise.all(['app', 'sql'].map((id) => shop.app.message(id, 'third')))
  const [own, sql] = rows.map(({ seq: _seq, task_id: _id, head: _head, body, created, expires, meta, ...rest }) => ({
    ...rest,
    body: body.replaceAll(' ', '').replace(/,\{"callbacks.*/, ''),
    meta: JSON.parse(meta),
    kept: Math.round((Number(expires) - Number(created)) / 60_000),
  }))
  expect(sql).toEqual(own)
  const [ownHead, sqlHead] = found.map((one) => {
    const {
      id: _,
      root_id: _root,
      argsrepr: _args,
      kwargsrepr: _kwargs,
      origin: _origin,
      ...headers
    } = one?.envelope.headers ?? {}
    const { correlationId: _id, ...properties } = one?.envelope.properties ?? {}
    return { headers, properties, place: one?.place, due: one?.due }
  })
  expect(sqlHead).toEqual(ownHead)
})

it.each([
  [
    'texts',
    ['', 'é 🥬 \u2028', `'"\\$1; DROP TABLE celeriac.message; --`, '\u0000', '\ud83e\udd6c', '$$', '</script>'],
  ],
  ['numbers', [0, -1, 1.5, 2 ** 53 - 1, 1 - 2 ** 53, 1e308, 5e-324, 1e21]],
  ['others', [null, true, false, [], {}, [[[]]], { a: { b: [null] } }]],
])('arguments of all kinds arrive as they are: %s', async (_, args) => {
  for (const one of args) {
    const id = await value(`celeriac.submit('pack', $1)`, [JSON.stringify([one])])
    expect(await result(id)).toEqual(one)
  }
})

it('a large number keeps all of its digits', async () => {
  const id = await value(`celeriac.submit('pack', '[123456789012345678901234567890]')`)
  expect(await result(id)).toBe(123456789012345678901234567890n)
})

it('names with any characters are names', async () => {
  const names = [`'; DROP TABLE purchase; --`, '"é 🥬\\', '$$ || %s', '{"a": 1}']
  for (const name of names) {
    const id = await value('celeriac.submit($1, $2, $1, id => $1)', [name, '[]'])
    expect(id).toBe(name)
    expect(await shop.app.message(name, name)).toMatchObject({ envelope: { headers: { task: name, id: name } } })
  }
  expect(await shop.count('purchase')).toBe(0)
})

describe('wrong input', () => {
  it.each([
    [`''`, `task: expected the name of a task, got ''`],
    ['NULL', 'task: expected the name of a task, got NULL'],
    [`'t', '7'`, 'input: expected an object with args and kwargs, or an array of args, got number'],
    [`'t', NULL`, 'input: expected an object with args and kwargs, or an array of args, got NULL'],
    [`'t', '{"a''b": 1}'`, `input: expected an object with args and kwargs, got one with 'a''b'`],
    [`'t', '{"args": {}}'`, 'input.args: expected an array, got object'],
    [`'t', '{"args": null}'`, 'input.args: expected an array, got null'],
    [`'t', '{"kwargs": []}'`, 'input.kwargs: expected an object, got array'],
    [`'t', queue => ''`, `queue: expected the name of a queue, got ''`],
    [`'t', queue => NULL`, 'queue: expected the name of a queue, got NULL'],
    [`'t', priority => 256`, 'priority: expected a number of 0 to 255, got 256'],
    [`'t', priority => NULL`, 'priority: expected a number of 0 to 255, got NULL'],
    [`'t', delay => '-1 s'`, 'delay: expected a time that is not negative, got -00:00:01'],
    [`'t', delay => '1 s', eta => now()`, 'expected a delay or an eta, got both'],
    [`'t', eta => 'infinity'`, 'delay, eta and expires: expected moments in the years 1 to 9999, got infinity'],
    [`'t', expires => '-infinity'`, 'delay, eta and expires: expected moments in the years 1 to 9999, got'],
    [`'t', id => ''`, 'id: expected 1 to 255 characters, or NULL for a new one, got 0'],
    [`'t', id => repeat('x', 256)`, 'id: expected 1 to 255 characters, or NULL for a new one, got 256'],
    [`'t', queue => E'a\\nb'`, 'queue: expected the name of a queue, got'],
  ])('celeriac.submit(%s)', async (args, message) => {
    const refused = value(`celeriac.submit(${args})`)
    await expect(refused).rejects.toMatchObject({ code: '22023', message: expect.stringContaining(message) })
  })

  it('has a hint where it is often another', async () => {
    await expect(value(`celeriac.submit('t', '{"a": 1}')`)).rejects.toMatchObject({
      hint: expect.stringContaining('{"kwargs": {"name": 1}}'),
    })
  })
})

it('a delayed job waits, an expired one does not run, the highest priority is first', async () => {
  const [later, expired] = await Promise.all([
    value(`celeriac.submit('pack', '["later"]', delay => '300 ms')`),
    value(`celeriac.submit('pack', '["expired"]', expires => now() - interval '1 s')`),
  ])
  await expect(result(expired)).rejects.toMatchObject({
    code: 'TASK_REVOKED',
    message: expect.stringMatching('expired'),
  })
  expect((await shop.app.result(later).info())?.state).toBe('PENDING')
  expect(await result(later)).toBe('later')
  expect(shop.packed).toEqual(['later'])
})

it('a trigger submits with its row, and a rollback leaves nothing', async () => {
  await shop.pool.query(`
    CREATE FUNCTION sold() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      PERFORM celeriac.submit('pack', json_build_array(to_json(NEW)));
      RETURN NULL;
    END $$;
    CREATE TRIGGER sold AFTER INSERT ON purchase FOR EACH ROW EXECUTE FUNCTION sold();`)
  try {
    await expect(shop.pool.query(`INSERT INTO purchase VALUES ('one'); SELECT 1 / 0`)).rejects.toThrow('zero')
    expect(await shop.counts()).toEqual([0, 0, 0, 0, 0, 0])
    await shop.pool.query(`INSERT INTO purchase VALUES ('two'), ('three')`)
    await eventually(
      async () => shop.packed.length,
      (length) => length === 2,
    )
    expect(shop.packed).toEqual(expect.arrayContaining([{ name: 'two' }, { name: 'three' }]))
  } finally {
    await shop.pool.query('DROP TRIGGER sold ON purchase; DROP FUNCTION sold')
  }
})

it('a role that may only submit can do that, and nothing else', async () => {
  const server = await PostgresServer.start()
  const app = shop.make(server.url())
  const client = new pg.Client({ connectionString: server.url().replace('celeriac@', 'seller@') })
  try {
    await server.sql('CREATE ROLE seller LOGIN; GRANT CREATE ON DATABASE postgres TO celeriac')
    await app.queueSize()
    await client.connect()
    const submit = "SELECT celeriac.submit('pack', '[1]')"
    await expect(client.query(submit)).rejects.toMatchObject({ code: '42501' })
    await server.sql('GRANT USAGE ON SCHEMA celeriac TO seller')
    await expect(client.query(submit)).rejects.toMatchObject({ code: '42501' })
    await server.sql('GRANT EXECUTE ON FUNCTION celeriac.submit TO seller')
    await client.query(submit)
    expect(await app.queueSize()).toBe(1)
    await expect(client.query('SELECT FROM celeriac.message')).rejects.toMatchObject({ code: '42501' })
    await expect(client.query('DELETE FROM celeriac.result')).rejects.toMatchObject({ code: '42501' })
  } finally {
    await Promise.all([client.end(), app.close()])
    await server.stop()
  }
})

it('says of itself what it does not know', async () => {
  const comment = await value("obj_description('celeriac.submit'::regproc)")
  expect(comment).toContain('Routes, schemas and codecs live in the application')
})
