import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { scrape } from '../http/exposition.ts'
import { RedisServer } from '../redis/server.ts'
import { project, type Running, send, start, TASKS } from './harness.ts'

const MODULE = `${TASKS}
import { existsSync } from 'node:fs'
app.onWorkerInit(async () => {
  while (!existsSync('go')) await sleep(10)
})
app.task('deaf', async () => {
  while (!existsSync('end')) await sleep(10)
})
`

interface Answer {
  readonly status: number
  readonly body: { readonly status: string; readonly reason?: string }
}

async function startProbed(folder: string, ...args: string[]): Promise<{ worker: Running; probe: Probe }> {
  const worker = start(folder, ['worker', '-A', 'tasks.ts', '--health-port', '0', ...args])
  await worker.until(/health at /)
  const url = /health at (http:\/\/127\.0\.0\.1:\d+)\/readyz, metrics at \1\/metrics\n/.exec(worker.stdout)?.[1]
  const probe: Probe = async (path) => {
    const response = await fetch(`${url}${path}`)
    return { status: response.status, body: (await response.json()) as Answer['body'] }
  }
  return { worker, probe }
}

type Probe = (path: string) => Promise<Answer>

const OK = { status: 200, body: { status: 'ok' } }
const notReady = (reason: unknown): object => ({ status: 503, body: { status: 'unavailable', reason } })

test('ready is consuming: not before, not while it stops; live all the time', async () => {
  const folder = project({ 'tasks.ts': MODULE })
  const { worker, probe } = await startProbed(folder)
  expect(await probe('/readyz')).toEqual(notReady('it starts'))
  expect(await probe('/livez')).toEqual(OK)
  writeFileSync(join(folder, 'go'), '')
  await worker.until(/ ready"/)
  expect(await probe('/readyz')).toEqual(OK)
  await send(folder, 'deaf', [], { taskId: 'd1' })
  await worker.until(/deaf\[d1\] received/)
  worker.child.kill('SIGTERM')
  await worker.until(/stopping: 1 task runs/)
  expect(await probe('/readyz')).toEqual(notReady('it stops'))
  expect(await probe('/livez')).toEqual(OK)
  writeFileSync(join(folder, 'end'), '')
  expect((await worker.ended).code).toBe(0)
})

test('while the broker is unavailable it is not ready; after --max-outage not live; then both again', async () => {
  const redis = await RedisServer.start()
  onTestFinished(() => redis.stop())
  const folder = project({ 'tasks.ts': TASKS })
  const { worker, probe } = await startProbed(folder, '-b', redis.url(), '--max-outage', '1s')
  await worker.until(/ ready"/)
  expect([await probe('/readyz'), await probe('/livez')]).toEqual([OK, OK])
  await redis.kill()
  await expect.poll(() => probe('/readyz'), { timeout: 30_000 }).toMatchObject(notReady(expect.any(String)))
  await expect.poll(() => probe('/livez'), { timeout: 30_000 }).toMatchObject(notReady(expect.any(String)))
  await redis.restart()
  await expect.poll(() => probe('/readyz'), { timeout: 60_000 }).toEqual(OK)
  expect(await probe('/livez')).toEqual(OK)
})

test('of a beat: probes, and how late it sends', async () => {
  const schedule =
    "import { every } from 'celeriac'\napp.schedule('ticks', every('1s'), { task: 'add', args: [1, 2] })\n"
  const folder = project({ 'tasks.ts': `${TASKS}${schedule}` })
  const beat = start(folder, ['beat', '-A', 'tasks.ts', '--health-port', '0'])
  await beat.until(/beat of shop: 1 entry/)
  const url = /health at (\S+)\/readyz/.exec(beat.stdout)?.[1] as string
  const answers = await Promise.all(['/readyz', '/livez'].map(async (path) => (await fetch(`${url}${path}`)).json()))
  expect(answers).toEqual([OK.body, OK.body])
  const sent = async () => (await scrape(url)).value('celeriac_beat_lateness_seconds_count') ?? 0
  await expect.poll(sent, { timeout: 20_000 }).toBeGreaterThan(0)
  beat.child.kill('SIGTERM')
  expect((await beat.ended).code).toBe(0)
})
