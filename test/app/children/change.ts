import { setImmediate } from 'node:timers/promises'
import { Celeriac } from 'celeriac'

/* Changes jobs 0 to N-1, many at once: their input and their queue. A line for each that was changed. */
const [store, count] = process.argv.slice(2)
const app = new Celeriac({ broker: store as string })
app.task('tasks.echo', (value: string) => value)
for (let from = 0; from < Number(count); from += 10) {
  await Promise.all(
    Array.from({ length: 10 }, async (_, at) => {
      const id = `job-${from + at}`
      await app.result(id).change({ args: ['new'], queue: 'other' })
      process.stdout.write(`${id}\n`)
    }),
  )
  await setImmediate()
}
