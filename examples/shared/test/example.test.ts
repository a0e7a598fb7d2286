import { execFile } from 'node:child_process'
import { createServer } from 'node:net'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Folder } from './program.ts'

// Each starts processes, and they start threads.
vi.setConfig({ testTimeout: 60_000 })

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

  it('stops at once at the second, and gives back what runs', async () => {
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

  it('ends when one of its processes is killed, and says which', async () => {
    const service = await folder.start('plots')
    const [worker] = (await childrenOf(service.child.pid)).filter(({ command }) => command.includes(' worker '))
    process.kill(worker?.pid ?? 0, 'SIGKILL')
    const { code, stderr } = await service.ended
    expect(code).toBe(137)
    expect(stderr).toContain('plots: the worker was ended by SIGKILL\n')
    await expect(fetch(service.url)).rejects.toThrow()
  })

  it('leaves nothing behind when it is killed itself', async () => {
    const service = await folder.start('long-running')
    await service.end('SIGKILL')
    for (;;) {
      const answers = await fetch(service.url).then(
        () => true,
        () => false,
      )
      if (!answers) break
    }
  })
})

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
    expect(taken.stderr).toMatch(/cannot listen at 127\.0\.0\.1:\d+: something else listens there/)
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
      if (error) reject(error)
      const found = [...stdout.matchAll(/^\s*(\d+) (.*)$/gm)]
      resolve(found.map(([, id, command = '']) => ({ pid: Number(id), command: `${command} ` })))
    })
  })
}
