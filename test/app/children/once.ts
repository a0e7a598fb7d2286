import { setTimeout as sleep } from 'node:timers/promises'
import { Celeriac } from 'celeriac'
import { Worker } from 'celeriac/worker'

/*
 * `call`: from a moment on, call unique tasks of the same keys as other processes, and, where the store can, debounced
 * ones; a line for each handle. `work`: run tasks that never end, with a short lease; a line when one has begun.
 */
const [mode, broker, backend, start, rounds] = process.argv.slice(2)
const app = new Celeriac({ broker, backend: backend || undefined, lease: '1s' })
const byFirst = (key: string): string => key

if (mode === 'work') {
  app.task('hang', async (key: string) => {
    process.stdout.write(`${key}\n`)
    await sleep(3_600_000)
  })
  await new Worker(app, { logger: false }).start()
} else {
  const once = app.task('once', (key: string, _value: string) => key, { unique: { key: byFirst, while: 'until-done' } })
  const save = app.task('save', (_key: string, value: string) => value, { debounce: { key: byFirst, wait: '20s' } })
  await app.connect()
  for (let round = 0; round < Number(rounds); round++) {
    await sleep(Math.max(0, Number(start) + round * 60 - Date.now()))
    const key = `key ${round}`
    const tasks = backend ? [once, once] : [once, once, save, save]
    const handles = await Promise.all(tasks.map((task) => task.delay(key, String(process.pid))))
    for (const [at, { id, sent }] of handles.entries())
      process.stdout.write(`${JSON.stringify({ key: `${tasks[at]?.name} ${key}`, id, sent })}\n`)
  }
  await app.close()
}
