import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { addressOf, expectCode, printed, startCommand, stop } from '../../../test/docs/commands.ts'
import { type Command, Document } from '../../../test/docs/document.ts'
import { emptyPostgres } from '../../../test/postgres/shared.ts'
import { freePort, RedisServer } from '../../../test/redis/server.ts'
import { eventually } from '../../../test/wait.ts'
import { type Answer, send } from '../simulate/client.ts'

const readme = new Document('examples/numbers/README.md')

/** What curl would do: it sends a body with a GET, too, which fetch does not. */
function curl({ words }: Command, base: string, taskID = ''): Promise<Answer> {
  const [, flag, method, url = '', data, body = ''] = words
  expect([flag, data, url.slice(0, 22)]).toEqual(['-X', '-d', 'http://127.0.0.1:5000/'])
  return send(method as 'GET' | 'POST', url.slice(21), JSON.parse(body.replace('<taskID>', taskID)), base)
}

it('its code is the code', () => expectCode(readme, 'numbers', 2))

it('its commands', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'numbers-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const redis = await RedisServer.start()
  onTestFinished(() => redis.stop())
  const database = await emptyPostgres()
  const here = (word: string): string =>
    word
      .replace('127.0.0.1:6379', `127.0.0.1:${redis.port}`)
      .replace('postgres://127.0.0.1:5432/numbers', database.replaceAll('$', '$$$$'))
  const env = (name: string): Record<string, string> => ({
    BROKER_URL: `sqlite:${join(folder, `${name}.db`)}`,
    DATABASE_URL: `sqlite:${join(folder, `${name}.data.db`)}`,
    NUMBERS_INPUT_FILES: join(folder, name),
    NUMBERS_INTERVAL: '1s',
  })
  const [post, check, get] = ['POST', 'GET', 'GET'].map((method) => readme.take(`curl -X ${method}`))
  const see = async (base: string): Promise<void> => {
    const { status, json } = await curl(post as Command, base)
    expect(status).toBe(201)
    await eventually(
      () => curl(check as Command, base, json.taskID),
      (answer) => answer.json.status === 'SUCCESS' && answer.json.response === 'OK',
    )
    await eventually(
      () => curl(get as Command, base),
      ({ json: { jobtodo, result } }) => `${jobtodo} ${result}` === 'sum_Done,mul_Done,sum_Done 53,104,55',
    )
  }
  const example = async (start: string, name: string): Promise<void> => {
    const running = startCommand(readme.take(start), env(name), { here, more: ['--port', '0'] })
    await see(await addressOf(running))
    await stop(running)
  }

  const first = startCommand(readme.take('npm start -- numbers'), env('first'), { more: ['--port', '0'] })
  const base = await addressOf(first)
  await see(base)
  const [small, large] = ['small', 'large'].map((name) =>
    startCommand(readme.take(`node scripts/run.mjs examples/numbers/simulate/${name}`), { NUMBERS_URL: base }),
  )
  expect(await printed(small!)).toMatch(/^stored: OK\n\{"rid":2,"numbers":\[51,52,53\],.*\}\n$/)
  expect(await printed(large!)).toMatch(
    /^stored: 20 of 20\n(done: \d+ of 2000\n)*done: 2000 of 2000\nresults of the first: right\nupdated: OK\n$/,
  )
  await stop(first)

  const port = String(await freePort())
  const both = { ...env('both'), NUMBERS_URL: `http://127.0.0.1:${port}` }
  const server = startCommand(readme.take('BROKER_URL'), both, { here, more: ['--port', port] })
  const worker = startCommand(readme.take('BROKER_URL'), both, { here })
  await worker.until(/ ready/)
  await see(await addressOf(server))
  await stop(server, worker)

  await redis.cli('FLUSHALL')
  await example('npm start -- numbers --broker', 'redis')
  await example('DATABASE_URL', 'postgres')
  expect(readme.rest).toEqual([])
})
