import { mkdtempSync, rmSync } from 'node:fs'
import { Session } from 'node:inspector/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Celeriac } from '../../src/celeriac.ts'
import { Worker } from '../../src/worker/worker.ts'

/*
 * Prints, as JSON, the functions of limits that are entered while tasks are sent and run, `file: function`: of an app
 * without limits, or with the argument `limited` of one with them. The first argument is the store.
 */

/** The code of limits: what decides, and what asks it. The worker's `openLimits.ts` and `pauses.ts` run at its start. */
const LIMITER = /^(?:worker[/]limits[/]taskLimits|tasks[/]limits[/]|broker[/]limiter|app[/]limits[/])/

const src = new URL('../../src/', import.meta.url).href
const folder = mkdtempSync(join(tmpdir(), 'celeriac-limits-'))
const session = new Session()
session.connect()

/** Functions of limits that were entered since the last time; the bodies of modules are not counted. */
async function entered(): Promise<string[]> {
  const { result } = await session.post('Profiler.takePreciseCoverage')
  return result
    .filter(({ url }) => url.startsWith(src))
    .flatMap(({ url, functions }) => {
      const file = fileURLToPath(url).slice(fileURLToPath(src).length)
      const called = functions.filter(({ functionName, ranges }) => functionName !== '' && (ranges[0]?.count ?? 0) > 0)
      return LIMITER.test(file) ? called.map(({ functionName }) => `${file}: ${functionName}`) : []
    })
    .sort()
}

const [, , store = 'memory', kind] = process.argv

async function trip(): Promise<string[]> {
  const broker = store === 'memory' ? 'memory:' : `sqlite:${join(folder, 'tasks.db')}`
  const app = new Celeriac({ broker, lease: '1h' })
  const add = app.task('add', (a: number, b: number) => a + b, kind === 'limited' ? { concurrency: { limit: 5 } } : {})
  const worker = new Worker(app, { logger: false })
  try {
    await worker.start()
    await (await add.delay(1, 2)).get()
    await entered()
    const sent = await Promise.all(Array.from({ length: 20 }, (_, at) => add.delay(at, 1)))
    await Promise.all(sent.map((one) => one.get()))
    await sleep(100)
    return await entered()
  } finally {
    await worker.stop()
    await app.close()
  }
}

try {
  await session.post('Profiler.enable')
  await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false })
  process.stdout.write(JSON.stringify(await trip()))
} finally {
  session.disconnect()
  rmSync(folder, { recursive: true, force: true })
}
