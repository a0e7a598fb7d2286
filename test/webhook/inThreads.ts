import type { Lab } from '../app/lab.ts'

/** The app of modules/threads.ts on the store of a test, with a worker that runs it in threads. */
export async function inThreads(lab: Lab, concurrency: number): Promise<typeof import('./modules/threads.ts')> {
  process.env.CELERIAC_TEST_STORE = lab.url
  const threads = await import('./modules/threads.ts')
  lab.after(() => threads.app.close())
  const module = new URL('./modules/threads.ts', import.meta.url).href
  await lab.work(threads.app, { pool: 'threads', concurrency, module })
  return threads
}
