import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { project, run, runShared } from './harness.ts'

describe('wrong use: exit code 2 and one line', () => {
  test.each<[string[], RegExp]>([
    [['wrker'], /^celeriac: unknown command 'wrker' \(Did you mean worker\?\)\n$/],
    [['result', 'x', '--wat'], /^celeriac: unknown option '--wat' \(Did you mean --wait\?\)\n$/],
    [['call'], /^celeriac: missing required argument 'name'\n$/],
    [['worker'], /^celeriac: required option '-A, --app <module>' not specified\n$/],
    [['serve'], /^celeriac: required option '-A/],
    [['shell'], /^celeriac: required option '-A/],
    [['worker', '-A', 'nothing.ts'], /^celeriac: task module: expected .*nothing\.ts: no such file\n$/],
    [
      ['worker', '-A', 'tasks.ts', '--max-tasks-per-child', '5'],
      /^celeriac: maxTasksPerChild: expected pool threads or processes, got inline\n$/,
    ],
    [
      ['worker', '-A', 'tasks.ts', '--max-tasks-per-child', '0'],
      /^celeriac: .*'0' is invalid\. Expected a whole number from 1 /,
    ],
    [
      ['worker', '-A', 'tasks.ts', '-P', 'gevent'],
      /^celeriac: .*'gevent' is invalid\. Allowed choices are inline, threads, processes, prefork, solo\.\n$/,
    ],
    [['worker', '-A', 'tasks.ts', '-c', 'many'], /^celeriac: .*'many' is invalid\. Expected a whole number from 1/],
    [
      ['worker', '-A', 'tasks.ts', '-c', '4', '-P', 'solo'],
      /^celeriac: concurrency: expected 1 with pool solo, got 4\n$/,
    ],
    [
      ['worker', '-A', 'tasks.ts', '-D'],
      /^celeriac: --detach: expected a service manager .*systemd.*, got -D: see docs\/how-to\/deploy\.md\n$/,
    ],
    [
      ['worker', '-A', 'tasks.ts', '-X', 'nowhere'],
      /^celeriac: excludeQueues: expected some of celery, reports, got nowhere\n$/,
    ],
    [
      ['worker', '-A', 'tasks.ts', '-Q', 'a', '-X', 'a'],
      /^celeriac: excludeQueues: expected to leave a queue, got all of them: a\n$/,
    ],
    [['worker', '-A', 'tasks.ts', '--max-tasks', '0'], /^celeriac: .*'0' is invalid\. Expected a whole number from 1 /],
    [['worker', '-A', 'tasks.ts', '-Q', 'a,,b'], /^celeriac: .*'a,,b' is invalid\. Expected names/],
    [
      ['worker', '-A', 'tasks.ts', '-l', 'loud'],
      /^celeriac: .*'loud' is invalid\. Expected debug, info, warn or error\.\n$/,
    ],
    [['worker', '-A', 'tasks.ts', '--grace', '25'], /^celeriac: .*'25' is invalid\. Expected a time with its unit/],
    [
      ['serve', '-A', 'tasks.ts', '--port', '70000'],
      /^celeriac: .*'70000' is invalid\. Expected a whole number from 0 to 65535\.\n$/,
    ],
    [['call', 'add', 'foo'], /^celeriac: argument 1: expected JSON, got foo \(a text is written '"foo"'\)\n$/],
    [['call', 'add', '-k', '[1]'], /^celeriac: --kwargs: expected a JSON object as .*, got \[1\]\n$/],
    [['call', 'add', '--eta', 'soon'], /^celeriac: .*'soon' is invalid\. Expected a date and time/],
    [
      ['call', 'add', '--priority', '300'],
      /^celeriac: .*'300' is invalid\. Expected a whole number from 0 to 255\.\n$/,
    ],
    [
      ['call', 'add', '--countdown', '1s', '--eta', '2027-01-01T00:00Z'],
      /^celeriac: .*eta and countdown exclude each other\n$/,
    ],
    [
      ['call', 'ad', '1', '-A', 'tasks.ts'],
      /^celeriac: unknown task ad in tasks\.ts \(did you mean add\?\); there are add, boom,/,
    ],
    [['call', 'render', '-A', 'tasks.ts'], /did you mean reports\.render\?/],
    [
      ['call', 'measure', '-A', 'tasks.ts', '-k', '{"size": "x"}'],
      /^celeriac: task measure: size: expected a number\n$/,
    ],
    [
      ['call', 'add', '-b', 'carrier-pigeon:coop'],
      /^celeriac: broker: expected a URL of sqlite:, redis:, postgres:, amqp: or memory:, got carrier-pigeon:…\n$/,
    ],
    [['dev', 'nothing.ts'], /^celeriac: task module: expected .*nothing\.ts: no such file\n$/],
    [['purge'], /^celeriac: purge: expected --force/],
  ])('%j', async (args, line) => {
    const { code, stdout, stderr } = await runShared(project(), args)
    expect(stderr).toMatch(line)
    expect(stderr.match(/\n/g)).toHaveLength(1)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  })

  test('a module that throws: its error and place; the stack with -l debug', async () => {
    const folder = project({ 'tasks.ts': "export const app = 1\nthrow new RangeError('too\\nfar')\n" })
    const args = ['status', '-A', 'tasks.ts']
    const { code, stderr } = await run(folder, args)
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: 'celeriac: tasks.ts cannot be loaded: RangeError: too far (tasks.ts:2:7)\n',
    })
    expect((await run(folder, [...args, '-l', 'debug'])).stderr).toMatch(/\ncaused by RangeError: too\nfar\n {4}at /)
  })

  test('a module without an app', async () => {
    const { code, stderr } = await runShared(project({ 'tasks.ts': 'export const a = 1' }), ['worker', '-A', 'tasks'])
    expect(stderr).toMatch(/^celeriac: task module tasks: expected one app, .*\n$/)
    expect(code).toBe(2)
  })

  test('an ES module in a CommonJS package says what to do', async () => {
    const folder = project()
    writeFileSync(join(folder, 'package.json'), '{"type": "commonjs"}')
    const { code, stderr } = await run(folder, ['worker', '-A', 'tasks.ts'])
    expect(stderr).toMatch(/^celeriac: tasks\.ts cannot be loaded: .*"type": "module".*\n$/)
    expect(code).toBe(2)
  })

  test('dev without a module names those that it looks for', async () => {
    const { code, stderr } = await runShared(project({}), ['dev'])
    expect(stderr).toMatch(/^celeriac: dev: expected a module, or one of tasks\.ts, .*; there is none\n$/)
    expect(code).toBe(2)
  })

  test('no command: the help, on standard error', async () => {
    const { code, stdout, stderr } = await run(project(), [])
    expect(stderr).toContain('Usage: celeriac [options] [command]')
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  })
})

describe('failure: exit code 1 and one line', () => {
  test.each([['status'], ['call', 'add'], ['worker', '-A', 'tasks.ts']])(
    'a store that cannot be opened: %s',
    async (...args) => {
      const folder = project()
      mkdirSync(join(folder, 'folder.db'))
      const { code, stdout, stderr } = await runShared(folder, [...args, '-b', 'sqlite:folder.db'])
      expect(stdout + stderr).toMatch(/cannot open the store .*folder\.db: /)
      expect(stderr.split('\n').length).toBeLessThanOrEqual(2)
      expect(code).toBe(1)
    },
  )

  test('a file that is no store: wrong use, and the file is left as it is', async () => {
    const folder = project()
    const text = 'this is no database, whatever its name says'
    writeFileSync(join(folder, 'broken.db'), text)
    const { code, stderr } = await runShared(folder, ['status', '-b', 'sqlite:broken.db'])
    expect(stderr).toMatch(/^celeriac: .*broken\.db is no database; choose another file for the store\n$/)
    expect(code).toBe(2)
    expect(readFileSync(join(folder, 'broken.db'), 'utf8')).toBe(text)
  })

  test('a port in use', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    onTestFinished(() => void server.close())
    await new Promise((resolve) => server.once('listening', resolve))
    const { port } = server.address() as AddressInfo
    for (const args of [['serve', '-A', 'tasks.ts'], ['dev']]) {
      const { code, stderr } = await run(project(), [...args, '--port', String(port)])
      expect(stderr).toMatch(/^celeriac: cannot listen at 127\.0\.0\.1:\d+: .*\n$/)
      expect(code).toBe(1)
    }
  })
})

test('help and version', async () => {
  const folder = project()
  const help = await runShared(folder, ['--help'])
  expect(help).toMatchObject({ code: 0, stderr: '' })
  for (const name of [
    'dev',
    'worker',
    'serve',
    'call',
    'result',
    'revoke',
    'forget',
    'retry',
    'status',
    'purge',
    'migrate',
    'webhook',
    'shell',
    'events',
    'top',
    'alerts',
    'report',
    'completion',
    'pause',
    'resume',
    'hold-back',
    'limits',
  ]) {
    expect(help.stdout).toMatch(new RegExp(`^ {2}${name} `, 'm'))
  }
  expect(await run(folder, ['--version'])).toMatchObject({
    code: 0,
    stderr: '',
    stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
  })
})
