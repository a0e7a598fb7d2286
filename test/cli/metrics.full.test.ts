import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type Exposition, scrape } from '../http/exposition.ts'
import { project, type Running, run, runShared, start, TASKS } from './harness.ts'

const CALLS = { method: 'POST', route: '/v1/tasks/:name', status: '202' }
const SUBMITTED = 'celeriac_jobs_submitted_total'

const urlOf = (server: Running): string => /HTTP API at (\S+)/.exec(server.stdout)?.[1] as string

/** Process ids of the children, as the kernel knows them. */
function childrenOf({ child: { pid } }: Running): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number)
}

async function serveMany(count: number, files?: Readonly<Record<string, string>>) {
  const folder = project(files)
  const args = ['serve', '-A', 'tasks.ts', '--port', '0', '--workers', `${count}`, '--no-access-log']
  const server = start(folder, args)
  await server.until(/HTTP API at .*processes below/)
  return { folder, server, url: urlOf(server) }
}

/** Calls over a connection each, so that they are dealt out; those of one round at once. */
async function call(url: string, count: number): Promise<void> {
  const one = async (): Promise<void> => {
    const headers = { 'content-type': 'application/json', connection: 'close' }
    const answer = await fetch(`${url}/v1/tasks/add`, { method: 'POST', headers, body: '[1, 2]' })
    expect(answer.status).toBe(202)
    await answer.text()
  }
  await Promise.all(Array.from({ length: count }, one))
}

/** A scrape over a connection of its own: whichever process it reaches. */
const look = (url: string): Promise<Exposition> => scrape(url, { connection: 'close' })

const callsOf = (seen: Exposition): number | undefined => seen.value('celeriac_http_requests_total', CALLS)

test('serve --workers: every scrape is of all processes, also of those that were replaced', async () => {
  const { folder, server, url } = await serveMany(3)
  expect((await look(url)).value(SUBMITTED, { task: 'add' })).toBe(0)
  await call(url, 40)
  for (let n = 0; n < 8; n++) {
    const seen = await look(url)
    expect([callsOf(seen), seen.value(SUBMITTED, { task: 'add' })]).toEqual([40, 40])
    expect(seen.value('celeriac_http_request_duration_seconds_count', { method: 'POST', route: CALLS.route })).toBe(40)
    expect(seen.value('celeriac_store_up')).toBe(1)
  }
  // Of the store, not of a process; each process counts it once a second.
  const waiting = async () => (await look(url)).value('celeriac_queue_messages', { queue: 'celery' })
  await expect
    .poll(() => Promise.all(Array.from({ length: 8 }, waiting)), { timeout: 15_000 })
    .toEqual(Array(8).fill(40))
  const before = childrenOf(server)
  writeFileSync(join(folder, 'tasks.ts'), TASKS.replace("'shop'", "'other'"))
  server.child.kill('SIGHUP')
  const shown: (number | undefined)[] = []
  let reloading = true
  const reloaded = server.until(/reloaded: 3 processes/).finally(() => {
    reloading = false
  })
  while (reloading) shown.push(callsOf(await look(url)))
  await reloaded
  await expect.poll(() => childrenOf(server).filter((pid) => before.includes(pid)), { timeout: 15_000 }).toEqual([])
  for (let n = 0; n < 5; n++) shown.push(callsOf(await look(url)))
  expect(new Set(shown)).toEqual(new Set([40]))
  // What the old ones count after the last scrape, they say when they leave.
  await call(url, 10)
  server.child.kill('SIGHUP')
  await server.until(/reloaded: 3 processes/, 2)
  await expect.poll(() => childrenOf(server).length, { timeout: 15_000 }).toBe(3)
  expect(callsOf(await look(url))).toBe(50)
  server.child.kill('SIGTERM')
  expect((await server.ended).code).toBe(0)
})

test('serve --workers: a process that is killed takes nothing along that was shown', async () => {
  const { server, url } = await serveMany(2)
  await call(url, 20)
  expect(callsOf(await look(url))).toBe(20)
  const [victim] = childrenOf(server) as [number]
  process.kill(victim, 'SIGKILL')
  await server.until(/starting another/)
  expect(callsOf(await look(url))).toBe(20)
  await expect.poll(() => childrenOf(server).length).toBe(2)
  await call(url, 5)
  expect(callsOf(await look(url))).toBe(25)
  server.child.kill('SIGTERM')
  expect((await server.ended).code).toBe(0)
})

test('serve --workers: of one that does not answer, what it said last', async () => {
  const { server, url } = await serveMany(2)
  await call(url, 20)
  expect(callsOf(await look(url))).toBe(20)
  const [stuck] = childrenOf(server) as [number]
  process.kill(stuck, 'SIGSTOP')
  // Connections are dealt out in turn: one of two reaches the other.
  const looks = await Promise.all(
    [1, 2].map(() => scrape(url, { connection: 'close' }, AbortSignal.timeout(3000)).then(callsOf, () => undefined)),
  )
  process.kill(stuck, 'SIGCONT')
  expect(looks).toContain(20)
  server.child.kill('SIGTERM')
  expect((await server.ended).code).toBe(0)
})

test('serve --workers with an http of the module’s own; --no-metrics', async () => {
  const own = `${TASKS}\nexport const http = app.http({ expose: ['add'] })\n`
  const { server, url, folder } = await serveMany(2, { 'tasks.ts': own })
  await call(url, 10)
  for (let n = 0; n < 4; n++) expect(callsOf(await look(url))).toBe(10)
  server.child.kill('SIGTERM')
  await server.ended
  const refused = await runShared(folder, ['serve', '-A', 'tasks.ts', '--port', '0', '--no-metrics'])
  expect(refused.code).toBe(2)
  expect(refused.stderr).toMatch(/^celeriac: --no-metrics: the module has its own http: set `metrics: false` there\n$/)
  writeFileSync(join(folder, 'tasks.ts'), TASKS)
  const silent = start(folder, ['serve', '-A', 'tasks.ts', '--port', '0', '--no-metrics'])
  await silent.until(/HTTP API at/)
  expect((await fetch(`${urlOf(silent)}/metrics`)).status).toBe(404)
})

test('worker --health-port: what it runs, and nothing else', async () => {
  const folder = project()
  const worker = start(folder, ['worker', '-A', 'tasks.ts', '--health-port', '0'])
  await worker.until(/ ready/)
  const url = /metrics at (\S+)\/metrics\n/.exec(worker.stdout)?.[1] as string
  expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
  expect((await runShared(folder, ['call', 'add', '1', '2', '--wait=20s'])).stdout).toBe('3\n')
  await runShared(folder, ['call', 'boom', '--wait=20s'])
  const ends = async () =>
    (await scrape(url)).all('celeriac_tasks_total').map(({ labels, value }) => [labels.task, labels.state, value])
  await expect
    .poll(async () => (await ends()).sort())
    .toEqual([
      ['add', 'FAILURE', 0],
      ['add', 'SUCCESS', 1],
      ['boom', 'FAILURE', 1],
      ['boom', 'SUCCESS', 0],
    ])
  for (const path of ['/', '/docs', '/v1/jobs']) expect((await fetch(url + path)).status).toBe(404)
  expect((await fetch(`${url}/metrics`, { method: 'POST' })).status).toBe(405)
  const port = new URL(url).port
  const taken = await run(folder, ['worker', '-A', 'tasks.ts', '--health-port', port])
  expect([taken.code, taken.stderr]).toEqual([1, expect.stringMatching(/^celeriac: cannot listen at 127\.0\.0\.1:/)])
  worker.child.kill('SIGTERM')
  expect((await worker.ended).code).toBe(0)
})

test('dev tells of its API and of its worker', async () => {
  const folder = project()
  const dev = start(folder, ['dev', '--no-reload', '--port', '0'])
  await dev.until(/\.> try:/)
  const url = /\.> (http:\S+)\/v1/.exec(dev.stdout)?.[1] as string
  const headers = { 'content-type': 'application/json', prefer: 'wait=10' }
  await (await fetch(`${url}/v1/tasks/add`, { method: 'POST', headers, body: '[1, 2]' })).text()
  const seen = await scrape(url)
  expect(seen.value('celeriac_tasks_total', { task: 'add', state: 'SUCCESS' })).toBe(1)
  expect(seen.value('celeriac_http_requests_total', { ...CALLS, status: '200' })).toBe(1)
})
