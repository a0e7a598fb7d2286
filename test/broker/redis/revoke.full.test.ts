import { Redis } from 'ioredis'
import { expect, onTestFinished, test } from 'vitest'
import { App } from '../../../src/app/app.ts'
import { createLogger } from '../../../src/std/log.ts'
import { RedisServer } from '../../redis/server.ts'
import { slowCommands } from './slow.ts'

test('1,000 revokes behind 100,000 messages keep no other client waiting', async () => {
  const server = await RedisServer.start()
  onTestFinished(() => server.stop())
  const redis = new Redis(server.port)
  onTestFinished(() => redis.disconnect())
  const app = new App({ broker: server.url(), logger: createLogger('silent') })
  onTestFinished(() => app.close())
  const task = app.task('task', (_: number) => undefined)
  const handles = await task.delayMany(Array.from({ length: 100_000 }, (_, at) => [at] as [number]))
  const wanted = handles.filter((_, at) => at % 100 === 0)
  const slow = await slowCommands(redis, 50, () => Promise.all(wanted.map((handle) => handle.revoke())))
  expect(slow).toEqual([])
  const one = await slowCommands(redis, 50, async () => {
    for (const handle of wanted.slice(0, 50)) await handle.revoke()
  })
  expect(one).toEqual([])
})
