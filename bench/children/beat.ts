/* The entry of one child process: one beat with many entries; it answers BeatFigures. */
import { setTimeout as sleep } from 'node:timers/promises'
import { loadCeleriac } from './load.ts'

export interface BeatOrder {
  readonly url: string
  readonly root: string
  readonly entries: number
  /** Entries that are due at once, in each tick. */
  readonly due: number
  /** Seconds that are measured while nothing is due. */
  readonly idle: number
  readonly ticks: number
  /** Between two ticks, s: a divisor of 60. */
  readonly every: number
}

export interface BeatFigures {
  /** From nothing to a beat that runs, ms. */
  readonly start: number
  /** While nothing is due, % of one core. */
  readonly cpu: number
  /** MiB */
  readonly memory: number
  /** How late the last task of each tick was sent, ms. */
  readonly late: readonly number[]
}

const order = JSON.parse(process.argv[2] ?? '') as BeatOrder
const { Beat, Celeriac, createLogger, cron, every } = await loadCeleriac(order.root)
const app = new Celeriac({ broker: order.url, logger: createLogger('error') })
const started = performance.now()
for (let at = 0; at < order.entries; at++) {
  const when = at % 2 ? cron('0 3 * * *', { tz: 'Europe/Berlin' }) : every('1w')
  app.schedule(`entry ${at}`, when, { task: 'work', args: [at] })
}
const beat = new Beat(app)
await beat.start()
const start = performance.now() - started

await sleep(1000)
const before = process.cpuUsage()
await sleep(order.idle * 1000)
const { user, system } = process.cpuUsage(before)
const cpu = ((user + system) / 1e6 / order.idle) * 100

/** By the moment that the tasks were due. */
const sent = new Map<number, { count: number; late: number }>()
app.on('beat:sent', ({ fire, late }) => {
  const tick = sent.get(fire.getTime()) ?? { count: 0, late: 0 }
  sent.set(fire.getTime(), { count: tick.count + 1, late: Math.max(tick.late, late) })
})
const complete = (): number[] => [...sent.values()].filter(({ count }) => count === order.due).map(({ late }) => late)
// All at one time: half of them by the wall clock.
const crontab = cron(`*/${order.every} * * * * *`, { tz: 'Europe/Berlin' })
for (let at = 0; at < order.due; at += 100) {
  const some = Array.from({ length: Math.min(100, order.due - at) }, (_, index) => at + index)
  await Promise.all(
    some.map((entry) =>
      app.schedules.update(`entry ${entry}`, { when: entry % 2 ? crontab : every(order.every * 1000) }),
    ),
  )
}
// One more, of which the first is not counted: its code is cold.
while (complete().length <= order.ticks) await sleep(100)
process.send?.({
  start,
  cpu,
  memory: process.memoryUsage.rss() / 2 ** 20,
  late: complete().slice(1, order.ticks + 1),
} satisfies BeatFigures)
await beat.stop()
await app.close()
