import { mkdtempSync, rmSync } from 'node:fs'
import { Session } from 'node:inspector/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Celeriac } from '../../src/celeriac.ts'
import { Worker } from '../../src/worker/worker.ts'

/*
 * Prints, as JSON, the files of src/ of which a function is called while one task goes from `delay` to its result on
 * SQLite. Caller and worker are in this process.
 */

const src = new URL('../../src/', import.meta.url).href
const folder = mkdtempSync(join(tmpdir(), 'celeriac-trip-'))
// The thread of the lease renewer reports every quarter of a lease: not while the files are counted.
const app = new Celeriac({ broker: `sqlite:${join(folder, 'tasks.db')}`, lease: '1h' })
const add = app.task('add', (a: number, b: number) => a + b)
const worker = new Worker(app)
const session = new Session()
session.connect()

/** The files of which a function was called since the last time. */
async function calledFiles(): Promise<string[]> {
  const { result } = await session.post('Profiler.takePreciseCoverage')
  const called = result.filter(({ functions }) => functions.some(({ ranges }) => (ranges[0]?.count ?? 0) > 0))
  const urls = called.map(({ url }) => url).filter((url) => url.startsWith(src))
  return urls.map((url) => fileURLToPath(url).slice(fileURLToPath(src).length)).sort()
}

async function trip(): Promise<void> {
  const sent = await add.delay(1, 2)
  await sent.get()
  // The file events of the last commit arrive a moment later.
  await sleep(100)
}

try {
  await session.post('Profiler.enable')
  await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false })
  await worker.start()
  await trip()
  await calledFiles()
  await trip()
  process.stdout.write(JSON.stringify(await calledFiles()))
} finally {
  await worker.stop()
  await app.close()
  session.disconnect()
  rmSync(folder, { recursive: true, force: true })
}
