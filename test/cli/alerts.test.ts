import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { Webhook } from 'standardwebhooks'
import { expect, onTestFinished, test } from 'vitest'
import { App } from '../../src/app/app.ts'
import { alertsOf } from '../../src/cli/alertFile.ts'
import { dashboard } from '../../src/cli/dashboardService.ts'
import { alerts } from '../../src/cli/fleet/alerts.ts'
import { createLogger } from '../../src/std/log.ts'
import { Receiver, secretOf } from '../webhook/receiver.ts'
import { project, run, runShared, send, start, TASKS } from './harness.ts'

const SECRET = secretOf('alerts')
const LOST = { name: 'lost', on: 'worker-lost' }
const WAITING = { name: 'waiting', on: 'oldest-age', queue: 'celery', above: '1ms', for: 0 }
const RULES = { to: 'https://hooks.example.com/?key=t0ken', secret: SECRET, rules: [LOST] }
const STORE = 'sqlite:store.db'

async function receiver(): Promise<Receiver> {
  const started = await Receiver.start()
  onTestFinished(() => started.stop())
  return started
}

test('a wrong file is refused before anything is opened, in one line, which shows no secret', async () => {
  const wrong: Readonly<Record<string, readonly [content: unknown, message: RegExp]>> = {
    'no.json': [undefined, /cannot be read: ENOENT/],
    'text.json': [`{"secret": "${SECRET}",`, /expected JSON$/],
    'list.json': [[SECRET], /expected \{ "to": …, "rules": \[ … \] \}, got something else$/],
    'bare.json': [SECRET, /got something else$/],
    'unsigned.json': [{ ...RULES, secret: undefined }, /secret: expected one, here or as .*CELERIAC_ALERT_SECRET$/],
    'short.json': [{ ...RULES, secret: SECRET.slice(0, 20) }, /secret: expected 'whsec_'/],
    'unknown.json': [{ ...RULES, url: RULES.to }, /url/],
    'nobody.json': [{ ...RULES, to: [] }, /to: expected a URL, or a list of them, got something else$/],
    'object.json': [{ ...RULES, to: { url: RULES.to } }, /to: expected a URL, or a list of them/],
    'http.json': [
      { ...RULES, to: RULES.to.replace('https', 'http') },
      /expected https:.*hooks\.example\.com\/\?\*\*"$/,
    ],
    'long.json': [{ ...RULES, to: RULES.to.repeat(100) }, /expected a URL of at most 2048 characters/],
    'private.json': [
      { ...RULES, to: 'https://10.0.0.1/?key=t0ken' },
      /expected a public host, or one on the allow-list/,
    ],
    'none.json': [{ ...RULES, rules: [] }, /rules: expected 1 to 1000, got 0$/],
    'rule.json': [{ ...RULES, rules: [{ name: 'x', on: 'cpu' }] }, /rules\[0\]: on: expected one of .*, got "cpu"$/],
  }
  const texts = Object.entries(wrong).flatMap(([name, [content]]): [string, string][] =>
    content === undefined ? [] : [[name, name === 'text.json' ? String(content) : JSON.stringify(content)]],
  )
  const folder = project(Object.fromEntries(texts))
  const app = new App({ logger: createLogger('silent') })
  for (const [name, [, message]] of Object.entries(wrong)) {
    const error = await alertsOf(app, join(folder, name)).then(String, (thrown: Error) => thrown)
    expect([name, error]).toEqual([name, expect.objectContaining({ code: 'INVALID_CONFIG' })])
    const said = (error as Error).message
    expect(said).toMatch(message)
    expect(said).toContain(`${join(folder, name)}: `)
    for (const secret of [SECRET.slice(0, 20), 't0ken']) expect(said).not.toContain(secret)
  }
  const given = { loglevel: 'error', broker: `sqlite:${join(folder, 'store.db')}` } as const
  const file = join(folder, 'none.json')
  const address = { host: '127.0.0.1', port: 0, token: false }
  await expect(dashboard({ ...given, ...address, alerts: file })).rejects.toThrow(/got 0$/)
  await expect(alerts(file, { ...given, app: 'tasks.ts', name: 'shop' })).rejects.toThrow(/got -A/)
  const refused = await runShared(folder, ['dashboard', '-b', STORE, '--port', '0', '--alerts', 'bare.json'])
  expect([refused.code, refused.stdout, refused.stderr]).toEqual([
    2,
    '',
    'celeriac: bare.json: expected { "to": …, "rules": [ … ] }, got something else\n',
  ])
  expect(existsSync(join(folder, 'store.db'))).toBe(false)
})

test('a dashboard watches by the rules of a file; the dry run shows what they find, and how the alerts stand', async () => {
  const hook = await receiver()
  const shared = { to: hook.url, allow: ['127.0.0.1'], every: '1s' }
  const folder = project({
    'rules.json': JSON.stringify({ ...shared, rules: [WAITING, LOST] }),
    'calm.json': JSON.stringify({ ...shared, rules: [{ ...LOST, name: 'calm' }] }),
  })
  const env = { CELERIAC_ALERT_SECRET: SECRET }
  await send(folder, 'nobody.runs.this', [], { broker: `sqlite:${join(folder, 'store.db')}` })
  const running = start(folder, ['dashboard', '-b', STORE, '--port', '0', '--no-token', '--alerts', 'rules.json'], env)
  const { headers, body } = await hook.nth(1)
  new Webhook(SECRET).verify(body, headers)
  expect(JSON.parse(body)).toMatchObject({
    type: 'celeriac.alert.firing.v1',
    data: { rule: 'waiting', subject: 'queue celery' },
  })
  await running.until(/\/doctor\n/)
  const [, url = ''] = /^dashboard at (\S+)$/m.exec(running.stdout) ?? []
  expect(await (await fetch(`${url}/v1/alerts`)).json()).toMatchObject({
    rules: [
      { rule: 'waiting', alerts: [{ subject: 'queue celery', status: 'firing' }] },
      { rule: 'lost', readings: [], alerts: [] },
    ],
  })
  const found = await run(folder, ['alerts', 'rules.json', '-b', STORE], { env })
  expect([found.code, found.stderr]).toEqual([1, ''])
  expect(found.stdout).toMatch(/^waiting +oldest-age +firing +a message waits in the queue celery for \d+ s$/m)
  expect(found.stdout).toMatch(/^lost +worker-lost +- +nothing$/m)
  const calm = await runShared(folder, ['alerts', 'calm.json', '-b', STORE, '--json'], { env })
  expect([calm.code, JSON.parse(calm.stdout)]).toEqual([
    0,
    { rules: [{ rule: 'calm', on: 'worker-lost', readings: [], alerts: [] }] },
  ])
  running.child.kill('SIGTERM')
  const ended = await running.ended
  expect(ended.code).toBe(0)
  expect(hook.got).toHaveLength(1)
  for (const { stdout, stderr } of [ended, found, calm]) expect(stdout + stderr).not.toContain(SECRET)
})

test('without a recorder, what only it knows cannot be looked at', async () => {
  const folder = project({ 'tasks.ts': TASKS, 'rules.json': JSON.stringify({ ...RULES, rules: [LOST, WAITING] }) })
  const { code, stdout } = await runShared(folder, ['alerts', 'rules.json', '-A', 'tasks.ts'])
  expect(code).toBe(1)
  expect(stdout).toMatch(/^lost +worker-lost +- +cannot be looked at: no recorder runs/m)
  expect(stdout).toMatch(/^waiting +oldest-age +- +nothing$/m)
})

test('--test sends each receiver one signed message, and prints how it answers; no store is opened', async () => {
  const [good, bad] = [await receiver(), await receiver()]
  bad.answer = (response) => response.writeHead(500).end()
  const to = [`${good.url}?key=t0ken`, bad.url]
  const folder = project({ 'rules.json': JSON.stringify({ ...RULES, to, allow: ['127.0.0.1'] }) })
  const { code, stdout, stderr } = await runShared(folder, ['alerts', 'rules.json', '-b', STORE, '--test'])
  expect([code, stdout, stderr]).toEqual([
    1,
    `${good.url}?** has accepted it: status 204\n${bad.url} has not accepted it: expected a status of 2xx, got 500\n`,
    '',
  ])
  for (const { got } of [good, bad]) {
    expect(got.map(({ body }) => JSON.parse(body).type)).toEqual(['celeriac.alert.test.v1'])
    for (const { body, headers } of got) new Webhook(SECRET).verify(body, headers)
  }
  expect(existsSync(join(folder, 'store.db'))).toBe(false)
})
