/*
 * Writes a store as an earlier version of celeriac left it: store.db.gz and dump.rdb.gz are of commit 6e94bae. Copied into a checkout of such a
 * version, it is run there by `node --conditions=source write.ts URL`. It has a task taken by a second process, which kills itself.
 */
import { execFile } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Celeriac, currentTask, every } from 'celeriac'
import { Worker } from 'celeriac/worker'

const [, , url, hold] = process.argv
const app = new Celeriac({
  broker: url,
  name: 'old',
  lease: '1s',
  // Longer than anybody keeps this file.
  resultExpires: '36500d',
})

app.task('hold', () => process.kill(process.pid, 'SIGKILL'), { queue: 'held' })
app.task('fail', () => {
  // Without the paths of a machine.
  throw Object.assign(new TypeError('as it must'), { stack: 'TypeError: as it must' })
})
const add = app.task('add', async (a: number, b: number) => {
  await currentTask()?.progress(0.5)
  return a + b
})

if (hold === 'hold') {
  await new Worker(app, { queues: ['held'], concurrency: 1, hostname: 'first@old' }).start()
} else {
  await app.send('hold', [7], { taskId: 'held', queue: 'held' })
  await new Promise((resolve) =>
    execFile(process.execPath, [...process.execArgv, fileURLToPath(import.meta.url), url as string, 'hold'], resolve),
  )
  const worker = new Worker(app, { queues: ['celery'], concurrency: 1, hostname: 'second@old' })
  await worker.start()
  await add.applyAsync([1, 2], { taskId: 'finished', tags: ['blue'], owner: 'ada' }).get()
  await app
    .send('fail', [], { taskId: 'failed' })
    .get()
    .catch(() => undefined)
  await worker.stop()
  await add.applyAsync([3, 4], { taskId: 'waiting', tags: ['blue'], priority: 3 })
  await add.applyAsync([5, 6], { taskId: 'delayed', countdown: '2s' })
  await add.applyAsync([7, 8], { taskId: 'revoked' })
  await app.result('revoked').revoke()
  await app.result('unknown').revoke()
  await app.schedules.add('hourly', every('1h'), { task: 'add', args: [9, 10] })
  await sleep(1500)
  await app.close()
}
