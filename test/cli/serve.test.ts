import { readFileSync, writeFileSync } from 'node:fs'
import { Agent, get, type IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { project, type Running, start, TASKS } from './harness.ts'

const tasksNamed = (name: string): string =>
  `import { Celeriac } from 'celeriac'\nexport const app = new Celeriac()\napp.task('${name}', () => null)\n`

const urlOf = (server: Running): string => /HTTP API at (\S+)/.exec(server.stdout)?.[1] as string

/** Process ids of the children, as the kernel knows them. */
async function childrenOf(pid: number): Promise<number[]> {
  const { readFile } = await import('node:fs/promises')
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')
  return text.trim().split(' ').filter(Boolean).map(Number)
}

/** Ask for something all the time, each over kept connections, until told to stop; resolves with what was not answered with 200. */
function ask(url: string, lanes: number): { stop(): Promise<{ failures: unknown[]; answers: number }> } {
  const agent = new Agent({ keepAlive: true, maxSockets: lanes })
  const failures: unknown[] = []
  let answers = 0
  let going = true
  const one = (): Promise<number> =>
    new Promise((resolve, reject) => {
      get(`${url}/livez`, { agent }, (response: IncomingMessage) => {
        response.resume()
        response.once('end', () => resolve(response.statusCode ?? 0))
      }).once('error', reject)
    })
  const lane = async (): Promise<void> => {
    while (going) {
      try {
        const status = await one()
        if (status !== 200) failures.push(status)
        answers++
      } catch (error) {
        failures.push(error)
      }
      await sleep(2)
    }
  }
  const running = Array.from({ length: lanes }, lane)
  return {
    stop: async () => {
      going = false
      await Promise.all(running)
      agent.destroy()
      return { failures, answers }
    },
  }
}

test('serve --workers: several processes at one port; SIGHUP loads the code anew and fails no request', async () => {
  const folder = project({ 'tasks.ts': tasksNamed('first') })
  const server = start(folder, ['serve', '-A', 'tasks.ts', '--port', '0', '--workers', '2', '--no-access-log'])
  await server.until(/HTTP API at \S+ \(tasks: first\), 2 processes below \d+\n/)
  const url = urlOf(server)
  const pid = server.child.pid as number
  await expect.poll(async () => (await childrenOf(pid)).length).toBe(2)
  const before = await childrenOf(pid)
  const asking = ask(url, 8)
  await sleep(300)
  writeFileSync(join(folder, 'tasks.ts'), tasksNamed('second'))
  server.child.kill('SIGHUP')
  await server.until(/reloaded: 2 processes/)
  await expect
    .poll(async () => (await childrenOf(pid)).filter((child) => before.includes(child)), { timeout: 15_000 })
    .toEqual([])
  const { failures, answers } = await asking.stop()
  expect(failures).toEqual([])
  expect(answers).toBeGreaterThan(100)
  const document = (await (await fetch(`${url}/openapi.json`)).json()) as { paths: object }
  expect(Object.keys(document.paths).join()).toContain('second')
  server.child.kill('SIGTERM')
  expect((await server.ended).code).toBe(0)
})

test('serve --workers: a process that stops leaves when its leader has heard of it, and no connection is lost with it', async () => {
  const folder = project({ 'tasks.ts': TASKS })
  const server = start(folder, ['serve', '-A', 'tasks.ts', '--port', '0', '--workers', '2', '--no-access-log'])
  await server.until(/HTTP API at/)
  const pid = server.child.pid as number
  const [one, other] = (await childrenOf(pid)) as [number, number]
  server.child.kill('SIGSTOP')
  process.kill(one, 'SIGTERM')
  const answers = Array.from({ length: 20 }, () =>
    fetch(`${urlOf(server)}/livez`, { headers: { connection: 'close' } }),
  )
  await sleep(700)
  // Not yet a zombie: it waits for the leader.
  expect(readFileSync(`/proc/${one}/stat`, 'utf8')).not.toMatch(/\) Z /)
  server.child.kill('SIGCONT')
  expect((await Promise.all(answers)).map(({ status }) => status)).toEqual(Array(20).fill(200))
  await expect.poll(async () => (await childrenOf(pid)).includes(one)).toBe(false)
  expect(await childrenOf(pid)).toContain(other)
  server.child.kill('SIGTERM')
  expect((await server.ended).code).toBe(0)
})

test('a process that dies is replaced; one whose new code is broken leaves the others as they are', async () => {
  const folder = project({ 'tasks.ts': TASKS })
  const server = start(folder, ['serve', '-A', 'tasks.ts', '--port', '0', '--workers', '2'])
  await server.until(/HTTP API at/)
  const pid = server.child.pid as number
  await expect.poll(async () => (await childrenOf(pid)).length).toBe(2)
  const [victim] = await childrenOf(pid)
  process.kill(victim as number, 'SIGKILL')
  await server.until(new RegExp(`process ${victim} ended with SIGKILL; starting another`))
  await expect.poll(async () => (await childrenOf(pid)).length, { timeout: 10_000 }).toBe(2)
  expect((await fetch(`${urlOf(server)}/livez`)).status).toBe(200)
  writeFileSync(join(folder, 'tasks.ts'), 'this is no program')
  server.child.kill('SIGHUP')
  await server.until(/ended with exit code 2 before it was ready; the old processes go on/)
  expect((await fetch(`${urlOf(server)}/livez`)).status).toBe(200)
  server.child.kill('SIGINT')
  expect((await server.ended).code).toBe(0)
})

test('serve --workers: SIGQUIT is a cold stop, with its exit code', async () => {
  const server = start(project({ 'tasks.ts': TASKS }), ['serve', '-A', 'tasks.ts', '--port', '0', '--workers', '2'])
  await server.until(/HTTP API at/)
  server.child.kill('SIGQUIT')
  expect((await server.ended).code).toBe(1)
})

test('what cannot start says so once, with its exit code', async () => {
  const server = start(project({ 'tasks.ts': 'export const app = 1' }), [
    'serve',
    '-A',
    'tasks.ts',
    '-w',
    '3',
    '--port',
    '0',
  ])
  const { code, stderr } = await server.ended
  expect(code).toBe(2)
  expect(stderr.trim().split('\n')).toHaveLength(1)
})

test('the access log: one line for each request, without its query', async () => {
  const server = start(project(), ['serve', '-A', 'tasks.ts', '--port', '0'])
  await server.until(/HTTP API at/)
  await fetch(`${urlOf(server)}/v1/jobs/nope?token=hidden`)
  await server.until(/GET \/v1\/jobs\/nope 404/)
  expect(server.stderr).not.toContain('hidden')
  server.child.kill('SIGTERM')
  expect((await server.ended).code).toBe(0)
})

test.each([
  ['memory:', 'memory:'],
  ['amqp://127.0.0.1:1', 'rpc:'],
])('serve --workers: what each process has for itself is refused: %s', async (broker, own) => {
  const server = start(project(), ['serve', '-A', 'tasks.ts', '-b', broker, '--port', '0', '--workers', '2'])
  const { code, stdout, stderr } = await server.ended
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  expect(stderr).toContain(`serve --workers: expected a broker and a backend that several processes share, got ${own}`)
})
