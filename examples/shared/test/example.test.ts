import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { inFull } from '../../../test/tier.ts'
import { eventually, within } from '../../../test/wait.ts'
import { Browser } from '../../request-context/test/browser.ts'
import { Folder, type Program } from './program.ts'

const EXAMPLES = join(import.meta.dirname, '../..')

let folder: Folder

beforeEach(() => {
  folder = new Folder({ LONG_RUNNING_SECONDS: '30' })
})

afterEach(() => folder.close())

/** A task that goes on for long, once it runs. */
async function handIn(base: string): Promise<void> {
  const path = `${base}/async_long_running_task`
  const { task_id } = (await (await fetch(path, { method: 'POST' })).json()) as { task_id: string }
  for (let state = ''; state !== 'STARTED'; ) {
    state = ((await (await fetch(`${path}/${task_id}`)).json()) as { task_status: string }).task_status
  }
}

describe('an example', () => {
  it('stops at Ctrl-C, which arrives twice', async () => {
    const service = await folder.start('long-running')
    service.child.kill('SIGINT')
    service.child.kill('SIGINT')
    expect(await service.ended).toMatchObject({ code: 0, signal: null })
    await expect(fetch(service.url)).rejects.toThrow()
  })

  it.each(inFull('stops at once at the second Ctrl-C, and gives back what runs'))('%s', async () => {
    const service = await folder.start('long-running')
    await handIn(service.url)
    service.child.kill('SIGINT')
    await service.until(/stopping: 1 task runs/)
    await new Promise((resolve) => setTimeout(resolve, 600))
    const since = performance.now()
    expect((await service.end('SIGINT')).code).toBe(1)
    expect(performance.now() - since).toBeLessThan(3000)
    // Not the lease is waited for: it was given back.
    await (await folder.start('long-running')).until(/Task \S+ received/)
  })

  it('leaves nothing behind when it is killed itself', async () => {
    const service = await folder.start('long-running')
    await service.end('SIGKILL')
    await eventually(
      () => answers(service.url),
      (one) => !one,
    )
  })

  it.each(inFull('leaves nothing behind when it is killed before its processes listen'))('%s', async () => {
    const { child, ended } = folder.run('examples/numbers/main.ts', ['--port', '0'])
    await eventually(
      () => childrenOf(child.pid),
      (children) => children.length === 2,
    )
    child.kill('SIGKILL')
    // Both write to its output: it is closed when they have ended.
    expect(await within(() => 'the end of both', ended)).toMatchObject({ signal: 'SIGKILL' })
  })
})

/** A job of each example that has a worker process: resolves when it is done. */
const JOBS: Readonly<Record<string, (service: Program) => Promise<void>>> = {
  plots: async (service) => {
    const page = await (await service.fetch('/image_page')).text()
    const [, jobid = ''] = /data-jobid="([^"]+)"/.exec(page) ?? []
    const picture = await service.fetch(`/result.png?jobid=${jobid}`, { headers: { prefer: 'wait=20' } })
    expect(picture.status).toBe(200)
  },
  'long-running': async (service) => {
    const { task_id } = await service.json('/async_long_running_task', { method: 'POST' })
    await eventually(
      () => service.json(`/async_long_running_task/${task_id}`),
      ({ task_status }) => task_status === 'SUCCESS',
    )
  },
  numbers: async (service) => {
    const body = JSON.stringify({ rid: randomUUID(), numbers: [51], jobtodo: ['sum'] })
    const { taskID } = await service.json('/number_request', { method: 'POST', body })
    await eventually(
      () => service.json(`/check_request?taskID=${taskID}`),
      ({ status }) => status === 'SUCCESS',
    )
  },
  'request-context': async (service) => {
    const browser = new Browser(service.url)
    await browser.post('/login', { name: 'ada' })
    const report = await browser.report('turnips')
    await eventually(
      async () => (await browser.get(report)).status,
      (status) => status === 200,
    )
  },
  workflow: async (service) => {
    const { location } = await service.json('/reports', { method: 'POST' })
    await eventually(
      () => service.json(location),
      ({ state }) => state === 'SUCCESS',
    )
  },
}

describe('a process that is killed', () => {
  it('is looked for in every example that has processes', () => {
    const examples = readdirSync(EXAMPLES).filter((name) => existsSync(join(EXAMPLES, name, 'main.ts')))
    const several = examples.filter((name) => readFileSync(join(EXAMPLES, name, 'main.ts'), 'utf8').includes('shared/'))
    expect(Object.keys(JOBS).sort()).toEqual(several)
  })

  it.each(inFull(...Object.keys(JOBS)))('is started again, and %s goes on, at the same URL', async (name) => {
    const job = JOBS[name] as (service: Program) => Promise<void>
    const service = await quick().start(name, '--concurrency', '1')
    await kill(service, 'worker')
    await service.until(new RegExp(`^${name}: the worker was ended by SIGKILL; starting it again$`, 'm'))
    // The service has not gone meanwhile.
    await job(service)
    await kill(service, 'serve')
    await service.until(new RegExp(`^${name}: the service was ended by SIGKILL; starting it again$`, 'm'))
    await eventually(() => answers(service.url), Boolean)
    await job(service)
    const { code, stdout } = await service.end('SIGINT')
    expect(code).toBe(0)
    expect(stdout.match(new RegExp(`^${name} is at`, 'gm'))).toHaveLength(1)
  })

  it('is not started again when the example is told to stop meanwhile', async () => {
    const service = await quick().start('numbers')
    await kill(service, 'worker')
    await service.until(/the worker was ended by SIGKILL/)
    expect(await service.end()).toMatchObject({ code: 0, signal: null })
    expect(await answers(service.url)).toBe(false)
  })

  it('ends the example where it was never ready: its message, its exit code', async () => {
    const { code, stdout, stderr } = await folder.run('examples/shared/test/broken.ts', ['--port', '0']).ended
    expect(code).toBe(2)
    expect(stderr).toMatch(/missing\.ts/)
    expect(stderr).toContain('broken: the worker ended with exit code 2\n')
    expect(stdout).not.toContain('broken is at')
  })
})

/** A folder whose tasks take no time. */
function quick(): Folder {
  const one = new Folder({ PLOTS_SECONDS: '0', LONG_RUNNING_SECONDS: '0.1', REPORTS_SECONDS: '0', REPORT_SECONDS: '0' })
  onTestFinished(() => one.close())
  return one
}

/** Kill the process that runs this command, as the system does that is out of memory. */
async function kill({ child }: Program, command: string): Promise<void> {
  const found = (await childrenOf(child.pid)).find((one) => one.command.includes(` ${command} `))
  if (!found) throw new Error(`expected a process that runs ${command}`)
  process.kill(found.pid, 'SIGKILL')
}

async function answers(url: string): Promise<boolean> {
  return await fetch(url).then(
    () => true,
    () => false,
  )
}

describe('its command line', () => {
  it.each([
    [['--prot', '80'], /^plots: Unknown option '--prot'/],
    [['--port', 'x'], /^plots: --port: expected a whole number from 0 to 65535, got "x"/],
    [['--concurrency', '0'], /^plots: --concurrency: expected a whole number from 1 to 256, got "0"/],
    [['more'], /^plots: Unexpected argument 'more'/],
  ])('%j: one line, exit code 2', async (flags, line) => {
    const ended = await folder.run('examples/plots/main.ts', flags).ended
    expect(ended).toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(/^[^\n]+\n$/) })
    expect(ended.stderr).toMatch(line)
  })

  it('a port in use, a store of no kind: the reason, and an exit code', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => other.once('listening', resolve))
    const { port } = other.address() as { port: number }
    const taken = await folder.run('examples/plots/main.ts', ['--port', String(port)]).ended
    other.close()
    expect(taken.code).toBe(1)
    expect(taken.stderr).toMatch(/cannot listen at 127\.0\.0\.1:\d+: another process listens there/)
    const wrong = await folder.run('examples/plots/main.ts', ['--port', '0', '--broker', 'ftp://x']).ended
    expect(wrong.code).toBe(2)
    expect(wrong.stderr).toMatch(/expected a URL/)
  })

  it.each([[['--broker', 'amqp://127.0.0.1//']], [['--broker', 'redis://127.0.0.1', '--result-backend', 'rpc://']]])(
    '%j: not with several processes that serve, of which only one would hear of a result',
    async (flags) => {
      const { code, stderr } = await folder.run('examples/long-running/main.ts', flags).ended
      expect(code).toBe(2)
      expect(stderr).toMatch(
        /^long-running: --workers: expected 1 where results are sent over rpc:\/\/, got 2[^\n]*\n$/,
      )
    },
  )

  it('--help', async () => {
    expect(await folder.run('examples/plots/main.ts', ['--help']).ended).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^Usage: npm start -- plots \[flags\]/),
    })
  })

  it('npm start with a name of none: the names, exit code 2', async () => {
    const ended = await folder.run('scripts/start.mjs', ['plotz']).ended
    expect(ended).toMatchObject({ code: 2, stdout: '' })
    expect(ended.stderr).toMatch(/^no example plotz; there are: [\w, -]*integral, long-running[\w, -]*plots[\w, -]*\n$/)
  })
})

/** The children of a process. */
function childrenOf(pid: number | undefined): Promise<{ pid: number; command: string }[]> {
  return new Promise((resolve, reject) => {
    execFile('ps', ['-o', 'pid=,args=', '--ppid', String(pid)], (error, stdout) => {
      // 1: it has none.
      if (error && error.code !== 1) reject(error)
      const found = [...stdout.matchAll(/^\s*(\d+) (.*)$/gm)]
      resolve(found.map(([, id, command = '']) => ({ pid: Number(id), command: `${command} ` })))
    })
  })
}
