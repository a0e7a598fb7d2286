import { expect, onTestFinished, test } from 'vitest'
import { RedisServer } from '../redis/server.ts'
import { StreamScene } from './stream/scene.ts'

const CLIENTS = 200
const JOBS = 10

test.each(['sqlite', 'redis'])(
  `on %s, ${CLIENTS} clients in another process: each event once, in order, while the server is killed twice`,
  async (kind) => {
    const redis = kind === 'redis' ? await RedisServer.start({ flags: ['--save', '900 1'] }) : undefined
    onTestFinished(() => redis?.stop())
    await using scene = await StreamScene.start(JOBS, redis?.url())
    scene.startClients(CLIENTS)
    await scene.until(({ open }) => open === CLIENTS)
    for (let round = 0; round < 2; round++) {
      for (let at = 0; at < 20; at++) await scene.step()
      // In the middle of what it has to tell.
      await scene.killServer()
      for (let at = 0; at < 5; at++) await scene.step()
      await scene.startServer()
      await scene.until(({ open }) => open === CLIENTS)
    }
    await scene.end()
    const { events, wrong, ends, connections } = await scene.until(({ done }) => done === CLIENTS)
    expect(wrong).toEqual([])
    // PENDING, two rounds of 25, the end.
    expect(events).toBe(CLIENTS * 52)
    expect(connections).toBeGreaterThanOrEqual(CLIENTS * 4)
    expect(ends).toEqual(Object.fromEntries(Array.from({ length: JOBS }, (_, at) => [`job-${at}`, `"job-${at} done"`])))
  },
)
