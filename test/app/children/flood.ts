import { openSync, writeSync } from 'node:fs'
import { Celeriac, QueueFullError } from 'celeriac'

/*
 * Calls a task with so many characters, as often as it can for so many seconds. The ids of the calls that were taken are lines of the journal.
 * Sends its counts at the end, with the bytes that are in use in its memory after a third of the time, and then.
 */
const [broker, backend, bound, size, seconds, journal, type] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
  string,
  string,
  'classic' | 'quorum',
]
const queues = { celery: { type } }
const app = new Celeriac({ broker, backend, ...(JSON.parse(bound) as object), queues, logger: false })
const task = app.task('work', (n: number, _text: string) => n)
const text = 'x'.repeat(Number(size))
const file = openSync(journal, 'a')
const started = performance.now()
const end = started + Number(seconds) * 1000
const counts = { taken: 0, refused: 0, others: [] as string[], warm: 0, end: 0 }

async function lane(): Promise<void> {
  for (let n = 0; performance.now() < end; n++) {
    try {
      const { id } = await task.delay(n, text)
      writeSync(file, `${id}\n`)
      counts.taken++
    } catch (error) {
      if (error instanceof QueueFullError) counts.refused++
      else counts.others.push(String(error))
    }
  }
}

/** Without what is garbage: on a busy machine it is collected late. */
function memoryInUse(): number {
  globalThis.gc?.()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

setTimeout(
  () => {
    counts.warm = memoryInUse()
  },
  (Number(seconds) * 1000) / 3,
).unref()
await Promise.all(Array.from({ length: 50 }, lane))
counts.end = memoryInUse()
await app.close()
process.send?.(counts)
process.disconnect?.()
