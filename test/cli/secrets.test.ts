import { afterAll, beforeAll, expect, test } from 'vitest'
import { Celeriac } from '../../src/index.ts'
import { createLogger } from '../../src/std/log.ts'
import { emptyRabbit } from '../rabbitmq/shared.ts'
import { RedisServer } from '../redis/server.ts'
import { printed, traces } from '../secrets.ts'
import { project, run, runShared, start } from './harness.ts'

const RIGHT = 's3,cret:w(rd)*!'
const WRONG = "not-the~'s3cret'|one"
let redis: RedisServer
beforeAll(async () => {
  redis = await RedisServer.start({ requirepass: RIGHT })
})
afterAll(() => redis?.stop())

function shows(text: string): string[] {
  return [RIGHT, WRONG].flatMap(traces).filter((trace) => text.includes(trace))
}

function url(password: string): string {
  return `redis://:${password}@127.0.0.1:${redis.port}/0`
}

test.each(['status', 'status --json'])('%s shows no password, right or wrong', async (command) => {
  const folder = project()
  for (const [password, said] of [
    [RIGHT, 'redis://:**@127.0.0.1'],
    [WRONG, 'WRONGPASS'],
  ] as const) {
    const { stdout, stderr } = await runShared(folder, [...command.split(' '), '-A', 'tasks.ts', '-b', url(password)])
    expect(stdout + stderr).toContain(said)
    expect([stdout + stderr, shows(stdout + stderr)]).toEqual([stdout + stderr, []])
  }
})

test('a worker shows none: banner, log, and what a debug log says of a failed start', async () => {
  const folder = project()
  const worker = start(folder, ['worker', '-A', 'tasks.ts', '-b', url(RIGHT), '-l', 'debug'])
  await worker.until(/ ready/)
  worker.child.kill('SIGTERM')
  await worker.ended
  const failed = await run(folder, ['worker', '-A', 'tasks.ts', '-b', url(WRONG), '-l', 'debug'])
  expect(failed.stderr).toContain('WRONGPASS')
  const all = worker.stdout + worker.stderr + failed.stdout + failed.stderr
  expect([all, shows(all)]).toEqual([all, []])
})

test('the parser shows none of an argument in a wrong place', async () => {
  const folder = project()
  for (const args of [['worker', '-A', 'tasks.ts', url(RIGHT)], [url(RIGHT)], ['call', '-A', url(RIGHT), 'add']]) {
    const { code, stderr } = await runShared(folder, args)
    expect(code).toBe(2)
    expect([stderr, shows(stderr)]).toEqual([stderr, []])
  }
})

test('neither do errors of Redis with their causes, /readyz and its log', async () => {
  const lines: string[] = []
  const logger = createLogger('debug', { write: (line) => void lines.push(line) })
  await using app = new Celeriac({ broker: url(WRONG), logger })
  const error = await app.queueSize().then(undefined, (reason: unknown) => reason)
  expect(String(error)).toContain('WRONGPASS')
  const response = await app.http({ expose: [] }).fetch(new Request('http://127.0.0.1/readyz'))
  const all = [...printed(error), ...lines, await response.text()].join('\n')
  expect(response.status).toBeGreaterThanOrEqual(500)
  expect([all, shows(all)]).toEqual([all, []])
})

test('neither do errors of RabbitMQ with their causes', async () => {
  const server = new URL(await emptyRabbit())
  const app = new Celeriac({ broker: `amqp://guest:${WRONG}@${server.host}${server.pathname}` })
  const error = await app.queueSize().then(undefined, (reason: unknown) => reason)
  await app.close()
  const all = printed(error).join('\n')
  expect(all).toContain('ACCESS_REFUSED')
  expect([all, shows(all)]).toEqual([all, []])
})
