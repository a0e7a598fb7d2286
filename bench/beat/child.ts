/* One beat of 10,000 entries, in a process of its own: tells its figures to its parent. Told by BENCH_BEAT, as JSON. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Celeriac, createLogger, cron, every } from 'celeriac'
import { Beat } from 'celeriac/beat'

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

const TICK = 5000
const DUE = 1000
const ALL = 10_000

const { url, idle, ticks } = JSON.parse(process.env.BENCH_BEAT ?? '') as { url: string; idle: number; ticks: number }
const app = new Celeriac({ broker: url, logger: createLogger('error') })
const started = performance.now()
for (let at = 0; at < ALL; at++) {
  const when = at % 2 ? cron('0 3 * * *', { tz: 'Europe/Berlin' }) : every('1w')
  app.schedule(`entry ${at}`, when, { task: 'work', args: [at] })
}
await new Beat(app).start()
const start = performance.now() - started

await sleep(1000)
const before = process.cpuUsage()
await sleep(idle)
const { user, system } = process.cpuUsage(before)
const cpu = ((user + system) / 1000 / idle) * 100

const moments = new Map<number, { count: number; late: number }>()
app.on('beat:sent', ({ fire, late }) => {
  const own = moments.get(fire.getTime()) ?? { count: 0, late: 0 }
  moments.set(fire.getTime(), { count: own.count + 1, late: Math.max(own.late, late) })
})
// All at one time: half of them by the wall clock.
for (let at = 0; at < DUE; at += 100) {
  const some = Array.from({ length: 100 }, (_, index) => at + index)
  await Promise.all(
    some.map((index) =>
      app.schedules.update(`entry ${index}`, {
        when: index % 2 ? cron('*/5 * * * * *', { tz: 'Europe/Berlin' }) : every(TICK),
      }),
    ),
  )
}
// One more, of which the first is not counted: its code is cold.
while ([...moments.values()].filter(({ count }) => count === DUE).length <= ticks) await sleep(100)
const late = [...moments.values()].filter(({ count }) => count === DUE).map((one) => one.late)
process.send?.({
  start,
  cpu,
  memory: process.memoryUsage().rss / 2 ** 20,
  late: late.slice(1, ticks + 1),
} satisfies BeatFigures)
