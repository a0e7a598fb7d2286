import { existsSync, readFileSync } from 'node:fs'
import { request } from 'node:http'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type DashboardCommandOptions, dashboard } from '../../src/cli/dashboardService.ts'
import { project, type Running, run, runShared, start } from './harness.ts'

const TOKEN = /\/login\?token=([\w-]{43})$/m
const URL_OF = /^dashboard at (\S+?)(?:, read-only)?$/m
const BROKER = ['-b', 'sqlite:store.db']

async function opened(folder: string, ...args: string[]): Promise<{ running: Running; url: string; token?: string }> {
  const running = start(folder, ['dashboard', ...BROKER, '--port', '0', ...args])
  await running.until(/\/(?:doctor|dashboard)\n/)
  const [, url = ''] = URL_OF.exec(running.stdout) ?? []
  return { running, url, token: TOKEN.exec(running.stdout)?.[1] }
}

function statusAs(url: string, host: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const sent = request(`${url}/v1/schedules`, { headers: { host } }, (response) => {
      response.resume()
      resolve(response.statusCode)
    })
    sent.on('error', reject).end()
  })
}

test('a token is made at each start, printed once as a URL and a curl line, and asked for; SIGINT ends it', async () => {
  const folder = project({})
  const { running, url, token = '' } = await opened(folder)
  expect(running.stdout).toContain(`curl -H 'Authorization: Bearer ${token}' ${url}/v1/doctor\n`)
  expect(running.stdout.split(token)).toHaveLength(3)
  const headers = { authorization: `Bearer ${token}` }
  expect((await fetch(`${url}/v1/schedules`)).status).toBe(401)
  expect((await fetch(`${url}/v1/schedules`, { headers })).status).toBe(200)
  expect((await fetch(`${url}/login?token=${token}`, { redirect: 'manual' })).status).toBe(303)
  // A page whose name was turned to this machine.
  expect(await statusAs(url, 'evil.example')).toBe(421)
  const pid = running.child.pid as number
  for (const file of ['cmdline', 'environ', 'comm'])
    expect(readFileSync(`/proc/${pid}/${file}`, 'utf8')).not.toContain(token)
  running.child.kill('SIGINT')
  expect(await running.ended).toMatchObject({ code: 0, stderr: '' })
  const next = await opened(folder)
  expect(next.token).not.toBe(token)
  next.running.child.kill('SIGTERM')
  expect((await next.running.ended).code).toBe(0)
})

test('without a token, read-only, at a loopback address', async () => {
  const { running, url, token } = await opened(project({}), '--no-token', '--read-only')
  expect(token).toBeUndefined()
  expect((await fetch(`${url}/v1/schedules`)).status).toBe(200)
  expect((await fetch(`${url}/v1/schedules/x/pause`, { method: 'POST' })).status).toBe(403)
  expect(running.stdout).toContain(`.> curl ${url}/v1/doctor\n`)
})

test('at an address that others reach: by the tokens of a file, each with its role', async () => {
  const folder = project({ tokens: 'a-token-of-ann-1234 ann viewer\na-token-of-bob-1234 bob operator\n' })
  const { running, url, token } = await opened(folder, '--host', '0.0.0.0', '--token-file', 'tokens')
  expect(token).toBeUndefined()
  expect(running.stdout + running.stderr).not.toContain('a-token-of')
  const pause = (name: string) =>
    fetch(`${url}/v1/schedules/x/pause`, {
      method: 'POST',
      headers: { authorization: `Bearer a-token-of-${name}-1234` },
    })
  expect([(await pause('ann')).status, (await pause('bob')).status, (await pause('eve')).status]).toEqual([
    403, 404, 401,
  ])
})

test('wrong use is refused before anything is opened', async () => {
  const folder = project({ bad: 'a-token-of-ann-1234 ann boss\n' })
  const file = (name: string) => join(folder, name)
  const given: DashboardCommandOptions = { host: '127.0.0.1', port: 0, token: true, loglevel: 'error' }
  const wrong: readonly [options: Partial<DashboardCommandOptions>, message: RegExp][] = [
    [{ host: '0.0.0.0' }, /expected --token-file, which says who may use it.*got --host 0\.0\.0\.0$/],
    [{ host: '0.0.0.0', token: false }, /expected --token-file.*got --host 0\.0\.0\.0 and --no-token$/],
    [{ host: '192.0.2.1', token: false }, /expected --token-file/],
    [{ token: false, tokenFile: file('bad') }, /expected --token-file or --no-token, got both/],
    [{ tokenFile: file('none') }, /cannot read \S+none: ENOENT$/],
    [{ tokenFile: file('bad') }, /line 1: expected one of the roles viewer, operator, admin$/],
    [{ trustProxy: ['example.com'] }, /expected IP addresses, got example\.com$/],
    [{ broker: 'memory:' }, /expected a broker that other processes share/],
  ]
  for (const [options, message] of wrong) {
    const error = await dashboard({ ...given, broker: `sqlite:${file('store.db')}`, ...options }).catch(String)
    expect([options, error]).toEqual([options, expect.stringMatching(message)])
    expect(error).not.toContain('a-token-of')
  }
  expect(existsSync(file('store.db'))).toBe(false)
})

test('wrong use ends with 2, a port in use with 1, in one line', async () => {
  const folder = project({})
  const refused = await runShared(folder, ['dashboard', ...BROKER, '--host', '0.0.0.0'])
  expect([refused.code, refused.stdout, refused.stderr.split('\n')]).toEqual([2, '', [expect.anything(), '']])
  const busy = createServer()
  await new Promise<void>((resolve) => busy.listen(0, '127.0.0.1', resolve))
  const { port } = busy.address() as { port: number }
  const { code, stderr } = await run(folder, ['dashboard', ...BROKER, '--port', String(port)])
  expect([code, stderr]).toEqual([
    1,
    expect.stringMatching(/^celeriac: cannot listen at 127\.0\.0\.1:\d+: another process .*\n$/),
  ])
  busy.close()
})

test('dev shows the fleet, at a loopback address alone', async () => {
  const folder = project()
  const statusOf = async (...args: string[]): Promise<number> => {
    const dev = start(folder, ['dev', 'tasks.ts', '--no-reload', '--port', '0', ...args])
    await dev.until(/openapi\.json/)
    const url = /OpenAPI: (\S+)\/openapi/.exec(dev.stdout)?.[1]
    const { status } = await fetch(`${url}/v1/schedules`)
    dev.child.kill('SIGTERM')
    await dev.ended
    return status
  }
  expect([await statusOf(), await statusOf('--host', '0.0.0.0')]).toEqual([200, 404])
})

test('a file of a recorder that has recorded another fleet is refused, with what to do', async () => {
  const folder = project({})
  const args = ['--recorder-file', 'recorder.db']
  const { running } = await opened(folder, ...args)
  running.child.kill('SIGTERM')
  expect((await running.ended).code).toBe(0)
  const other = await runShared(folder, ['dashboard', '-b', 'sqlite:other.db', '--port', '0', ...args])
  expect([other.code, other.stderr]).toEqual([
    2,
    expect.stringMatching(/^celeriac: dashboard: .*; --recorder-file names another file\n$/),
  ])
})

test('a file of a recorder that cannot be opened ends the start: nothing could be shown', async () => {
  const args = ['dashboard', ...BROKER, '--port', '0', '--recorder-file', '/proc/recorder.db']
  const { code, stdout, stderr } = await runShared(project({}), args)
  expect([code, stdout, stderr]).toEqual([
    1,
    '',
    expect.stringMatching(/^celeriac: dashboard: .*\/proc\/recorder\.db.*; --recorder-file names another file\n$/),
  ])
})
