import { expect, onTestFinished, test } from 'vitest'
import { StreamScene } from '../http/stream/scene.ts'
import { RedisServer } from '../redis/server.ts'

const CLIENTS = 5000
const JOBS = 500
const STEPS = 20
const MOST_MEMORY = 500 * 1024 * 1024

test.each(['sqlite', 'redis'])(
  `on %s, ${CLIENTS} idle clients on one process below 500 MB; each event once, in order, over a restart`,
  async (kind) => {
    const redis = kind === 'redis' ? await RedisServer.start({ flags: ['--save', '900 1'] }) : undefined
    onTestFinished(() => redis?.stop())
    await using scene = await StreamScene.start(JOBS, redis?.url())
    scene.startClients(CLIENTS)
    await scene.until(({ open }) => open === CLIENTS, 120_000)
    const idle = await scene.serverMemory()
    for (let at = 0; at < STEPS; at++) await scene.step()
    await scene.killServer()
    for (let at = 0; at < STEPS; at++) await scene.step()
    await scene.startServer()
    await scene.until(({ open }) => open === CLIENTS, 120_000)
    const back = await scene.serverMemory()
    await scene.end()
    const { events, wrong, connections } = await scene.until(({ done }) => done === CLIENTS, 120_000)
    const after = await scene.serverMemory()
    const megabytes = [idle, back, after].map((bytes) => Math.round(bytes / 1024 / 1024))
    console.info(JSON.stringify({ kind, clients: CLIENTS, megabytes, connections }))
    expect(wrong).toEqual([])
    expect(events).toBe(CLIENTS * (2 * STEPS + 2))
    expect(Math.max(idle, back)).toBeLessThan(MOST_MEMORY)
  },
)
