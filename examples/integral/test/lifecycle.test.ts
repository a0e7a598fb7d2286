import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { inFull } from '../../../test/tier.ts'
import { eventually } from '../../../test/wait.ts'
import { Running, resultOf } from './running.ts'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
const CIRCLE = { f: 'sqrt(4-xs**2)', a: 0, b: 2, c: 0, d: 2, size: 1_000_000 }
const LONG = { ...CIRCLE, size: 1e9 }
const SOME_SECONDS = { ...CIRCLE, size: 25_000_000 }

let folder = ''
const running: Running[] = []

async function start(flags?: readonly string[], env?: Record<string, string>): Promise<Running> {
  const service = await Running.start(folder, flags, env)
  running.push(service)
  return service
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}

/** What it wrote on standard error, but that a thread ends late: so it is where a machine is busy for seconds. */
function troubles({ stderr }: { readonly stderr: string }): string {
  return stderr.replace(/^.*a terminated thread has not ended within.*\n/gm, '')
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'integral-'))
})

afterEach(async () => {
  await Promise.all(running.splice(0).map((service) => service.end('SIGKILL')))
  await rm(folder, { recursive: true, force: true })
})

describe('numbers and results', () => {
  it('survive a restart', async () => {
    const first = await start()
    const ids = [await first.put(CIRCLE), await first.put(CIRCLE)]
    const results = [await resultOf(first, 0), await resultOf(first, 1)]
    const ended = await first.end()
    expect([ended.code, troubles(ended)]).toEqual([0, ''])
    const second = await start()
    expect(ids).toEqual([0, 1])
    expect(await second.get('/')).toEqual({ '0': { ready: true }, '1': { ready: true } })
    expect([await resultOf(second, 0), await resultOf(second, 1)]).toEqual(results)
    expect(await second.put(CIRCLE)).toBe(2)
  })

  it('are shared by several processes on one store', async () => {
    const services = [await start(['--concurrency', '1']), await start(['--concurrency', '1'])]
    const puts = Array.from({ length: 60 }, (_, index) => (services[index % 2] as Running).put({ ...CIRCLE, size: 1 }))
    const ids = (await Promise.all(puts)).sort((a, b) => a - b)
    expect(ids).toEqual(Array.from({ length: 60 }, (_, index) => index))
    for (const service of services) {
      const jobs = await eventually(
        () => service.get('/'),
        (all) => Object.values(all).every((job) => (job as { ready: boolean }).ready),
      )
      expect(Object.keys(jobs)).toHaveLength(60)
    }
  })
})

describe('a number', () => {
  it('whose task is no longer known is neither listed nor found; an old one is dropped', async () => {
    const service = await start()
    expect(await service.put(CIRCLE)).toBe(0)
    const file = new DatabaseSync(join(folder, '.celeriac', 'integral.jobs.db'), { timeout: 5000 })
    const insert = file.prepare('INSERT INTO job (task, since) VALUES (?, ?)')
    insert.run('young', Date.now())
    insert.run('old', Date.now() - 8 * 86_400_000)
    expect(Object.keys(await service.get('/'))).toEqual(['0'])
    expect((await service.request('GET', '/1')).status).toBe(404)
    expect(file.prepare('SELECT task FROM job WHERE row > 1').all()).toEqual([{ task: 'young' }])
    expect(await service.put(CIRCLE)).toBe(3)
    file.close()
  })

  it('that cannot be had means 503, and no task', async () => {
    const service = await start()
    expect(await service.put(CIRCLE)).toBe(0)
    const file = new DatabaseSync(join(folder, '.celeriac', 'integral.jobs.db'))
    file.exec('BEGIN IMMEDIATE')
    const response = await service.request('PUT', '/', LONG)
    expect(response.status).toBe(503)
    expect(await response.json()).toMatchObject({ status: 503, type: 'urn:celeriac:problem:store-unavailable' })
    const { jobs } = await eventually(
      () => service.get('/v1/jobs'),
      (page) => page.jobs[0].state === 'REVOKED',
    )
    expect(jobs).toHaveLength(2)
    file.exec('ROLLBACK')
    file.close()
    expect(await service.put(CIRCLE)).toBe(1)
  })
})

describe('a service that is killed', () => {
  it('does what it was at after its next start', async () => {
    const env = { INTEGRAL_LEASE: '1s' }
    const first = await start(['--concurrency', '1'], env)
    const ids = [await first.put(SOME_SECONDS), await first.put(CIRCLE)]
    const path = ((await first.request('GET', '/0')).headers.get('link') as string).replace(/^<|>.*$/g, '')
    await eventually(
      () => first.get(path),
      (job) => job.progress > 0,
    )
    expect((await first.end('SIGKILL')).signal).toBe('SIGKILL')
    const second = await start(['--concurrency', '1'], env)
    expect(Object.keys(await second.get('/'))).toEqual(['0', '1'])
    for (const id of ids) expect(await resultOf(second, id)).toBeCloseTo(Math.PI, 1)
  })
})

describe('a service that is told to stop', () => {
  it('finishes what runs, also when it is told twice at once', async () => {
    const first = await start()
    // Far less than the grace of ten seconds, also on a busy machine.
    await first.put({ ...CIRCLE, size: 6_000_000 })
    await eventually(
      () => first.get('/v1/jobs'),
      ({ jobs }) => jobs[0].state !== 'PENDING',
    )
    first.kill('SIGINT')
    await pause(20)
    const { code, stdout } = await first.end('SIGINT')
    expect(code).toBe(0)
    expect(stdout).toMatch(/stopping: 1 integral runs/)
    expect(await (await start(['--concurrency', '1'])).get('/0')).toMatchObject({ result: expect.any(Number) })
  })

  it.each(inFull('stops at once when told again, and the next start goes on'))('%s', async () => {
    const first = await start()
    await first.put(SOME_SECONDS)
    await first.put(LONG)
    await pause(200)
    first.kill('SIGTERM')
    await pause(700)
    const since = performance.now()
    const ended = await first.end('SIGTERM')
    expect([ended.code, troubles(ended)]).toEqual([1, ''])
    expect(performance.now() - since).toBeLessThan(2500)
    const second = await start()
    await second.request('DELETE', '/1')
    expect(await resultOf(second, 0)).toBeCloseTo(Math.PI, 1)
  })
})

describe('the command line', () => {
  it.each([
    [['--prot', '80'], 2, /--prot/],
    [['--store', 'ftp://x'], 2, /expected a URL/],
    [['--host', '192.0.2.1', '--port', '0'], 1, /cannot listen/],
  ])('%j: one line, exit code %d', async (flags, code, line) => {
    const ended = await Running.toEnd(folder, flags)
    expect(ended).toMatchObject({ code, stdout: '' })
    expect(ended.stderr).toMatch(/^integral: [^\n]*\n$/)
    expect(ended.stderr).toMatch(line)
  })

  it('a port in use: one line, exit code 1', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => other.once('listening', resolve))
    const ended = await Running.toEnd(folder, ['--port', String((other.address() as AddressInfo).port)])
    other.close()
    expect(ended).toMatchObject({ code: 1, stdout: '' })
    expect(ended.stderr).toMatch(/^integral: cannot listen at 127\.0\.0\.1:\d+: [^\n]*\n$/)
  })

  it('--help', async () => {
    expect(await Running.toEnd(folder, ['--help'])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^Usage: npm start/),
    })
  })
})

describe('other programs', () => {
  /** Runs Node on the text or file, in the repository's folder. */
  function node(args: readonly string[], input = ''): Promise<string> {
    return new Promise((resolve, reject) => {
      const child = execFile(
        process.execPath,
        [...process.execArgv, ...args],
        { cwd: ROOT },
        (error, stdout, stderr) => (error ? reject(new Error(stderr || error.message)) : resolve(stdout)),
      )
      child.stdin?.end(input)
    })
  }

  it('send the task by its name, with the six fields as keyword arguments', async () => {
    await start()
    const store = `sqlite:${join(folder, '.celeriac', 'integral.db')}`
    const script = `
      import { Celeriac } from 'celeriac'
      const app = new Celeriac({ broker: '${store}' })
      console.log(await app.send('integrate', ${JSON.stringify(CIRCLE)}).get({ timeout: '20s' }))
      const wrong = await app.send('integrate', ${JSON.stringify({ ...CIRCLE, f: 'foo(xs)' })})
      console.log(await wrong.get({ timeout: '20s' }).catch((error) => error.message))
      await app.close()`
    const [result, error] = (await node(['--input-type=module', '-e', script])).split('\n')
    expect(Math.abs(Number(result) - Math.PI)).toBeLessThan(0.01)
    expect(error).toMatch(/unknown function "foo"/)
  })

  it('do so in the shell', async () => {
    await start()
    const store = `sqlite:${join(folder, '.celeriac', 'integral.db')}`
    const lines = [
      "t = await integrate.delay({ f: '9', a: 1, b: 3, c: 0, d: 2 })",
      'typeof await t.state()',
      'await t.get()',
      'await t.ready()',
    ]
    const output = await node(
      ['src/cli/main.ts', 'shell', '-A', 'examples/integral/tasks.ts', '-b', store],
      `${lines.join('\n')}\n`,
    )
    expect(output.trimEnd().split('\n').slice(-3)).toEqual(["'string'", '4', 'true'])
  })
})
