import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { createClient } from '../../../src/client/client.ts'
import { recorderOf } from '../../../src/recorder/recorder.ts'
import { until } from '../../app/lab.ts'
import { build } from '../house.ts'

const SENDER = fileURLToPath(new URL('../../../bench/children/recorder.ts', import.meta.url))
const RATE = 5000
const SECONDS = 12
const PARTS = [0.5, 0.95, 0.99] as const

/** Send events of 1,667 jobs a second from a process of its own. Resolves with their number. */
async function storm(url: string): Promise<number> {
  const order = { role: 'send', url, folder: '', rate: RATE, seconds: SECONDS }
  const child = fork(SENDER, [JSON.stringify(order)], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  const [sent] = (await once(child, 'message')) as [number]
  child.disconnect()
  await once(child, 'exit')
  return sent
}

/** What streams get of 5,000 events a second, with the recorder in the process of the server. */
test.each(['sqlite:', 'redis:'])('%s: five streams in a storm of events', { timeout: 120_000 }, async (store) => {
  await using house = await build(store, () => [], { http: { fleet: { open: true } } })
  const client = createClient(house.server.url)
  await client.recorded.jobs()
  const recorder = await recorderOf(house.app)
  await until(async () => (await recorder.status()).isRecording)
  const end = new AbortController()
  const lags: number[] = []
  const counts = { messages: 0, jobs: 0, more: 0, resets: 0 }
  const points = new Map<string, number>()
  const read = async (isMeasured: boolean): Promise<void> => {
    const watch = ['jobs', 'stats', 'failures', 'queues'] as const
    for await (const message of client.live({ watch, limit: 50, signal: end.signal })) {
      if (!isMeasured) continue
      if (message.kind === 'reset') counts.resets++
      if (message.kind === 'stats')
        for (const { points: some } of message.series) for (const { at, succeeded } of some) points.set(at, succeeded)
      if (message.kind !== 'jobs') continue
      counts.messages++
      counts.jobs += message.jobs.length
      counts.more += message.more
      const now = Date.now()
      for (const job of message.jobs) if (job.endedAt !== undefined) lags.push(now - Date.parse(job.changedAt))
    }
  }
  const reading = Promise.all(Array.from({ length: 5 }, (_, at) => read(at === 0).catch(() => undefined)))
  await until(() => counts.messages > 0)
  const before = process.cpuUsage()
  const sent = await storm(house.app.config.broker.reveal())
  const { user, system } = process.cpuUsage(before)
  await until(async () => (await recorder.status()).jobs === Math.floor(sent / 3))
  // Nothing is left out: each job is in a message, or was counted in one, at least once.
  await until(() => counts.jobs + counts.more >= Math.floor(sent / 3))
  const succeeded = (): number => [...points.values()].reduce((sum, one) => sum + one, 0)
  await until(() => succeeded() > (sent / 3) * 0.95)
  end.abort()
  await reading
  const sorted = lags.toSorted((a, b) => a - b)
  const [half, most, nearly] = PARTS.map((part) => sorted[Math.floor(part * sorted.length)])
  const cores = (user + system) / 1e6 / SECONDS
  process.stdout.write(
    `${JSON.stringify({ store, sent, ...counts, half, most, nearly, cores: Math.round(cores * 100) / 100 })}\n`,
  )
  expect(counts.resets).toBe(0)
  // Ten a second at most, and one more where it begins and ends.
  expect(counts.messages).toBeLessThanOrEqual(10 * (SECONDS + 3))
  expect((await recorder.gaps({ from: 0, to: Date.now() })).filter(({ reason }) => reason === 'lost')).toEqual([])
})
