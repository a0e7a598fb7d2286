/*
 * Compiled by the type check, never run: what `app.schedule` takes, and what it refuses.
 * A line that must not compile bears @ts-expect-error: the check fails when it does.
 */
import { Celeriac, cron, every } from 'celeriac'
import { z } from 'zod'

const app = new Celeriac()
const add = app.task('add', (x: number, y: number) => x + y)
const ping = app.task('ping', (host?: string) => host)
const report = app.task({ name: 'report', input: z.object({ kind: z.string() }), run: ({ kind }) => kind })

export async function calls(): Promise<void> {
  app.schedule('a', every('1s'), { task: add, args: [1, 2], options: { queue: 'sums' } }, { overlap: 'skip' })
  // @ts-expect-error wrong types
  app.schedule('b', every('1s'), { task: add, args: ['1', 2] })
  // @ts-expect-error one is missing
  app.schedule('c', every('1s'), { task: add, args: [1] })
  // @ts-expect-error all are missing
  app.schedule('d', every('1s'), { task: add })
  app.schedule('e', every('1s'), { task: ping })
  app.schedule('f', every('1s'), { task: ping, args: ['host'] })
  app.schedule('g', every('1s'), ping)
  app.schedule('h', cron('0 3 * * *'), { task: report, args: { kind: 'all' } })
  // @ts-expect-error no such kind
  app.schedule('i', cron('0 3 * * *'), { task: report, args: { kind: 1 } })
  app.schedule('j', cron('0 3 * * *'), { task: 'py.report', kwargs: { kind: 1 } })
  app.schedule('k', cron('0 3 * * *'), 'py.report')
  // @ts-expect-error an id is of one call
  app.schedule('l', every('1s'), { task: 'py.report', options: { taskId: '1' } })
  // @ts-expect-error no such policy
  app.schedule('m', every('1s'), 'py.report', { overlap: 'never' })
  await app.schedules.add('n', every('1s'), { task: add, args: [1, 2] })
  // @ts-expect-error wrong types
  await app.schedules.add('o', every('1s'), { task: add, args: ['1', 2] })
}
