/*
 * A process of schema version 2. Copied into a checkout of commit 8b7cb60, it is run there: `chordProcess.ts URL`. Its
 * worker takes the queue `old` until it is refused; asked by its parent, it sends a task to the queue `new`.
 */
import { Celeriac } from 'celeriac'
import { Worker } from 'celeriac/worker'

const [, , url] = process.argv
const app = new Celeriac({ broker: url, lease: '1s' })
const say = (message: object): void => void process.send?.(message)
const value = app.task('value', (given: number) => given)
app.on('worker:shutdown', ({ reason }) => say({ shutdown: reason }))

process.on('message', async () => {
  try {
    say({ sent: (await value.applyAsync([5], { queue: 'new' })).id })
  } catch (error) {
    say({ refused: (error as Error).message })
  }
})
try {
  await new Worker(app, { queues: ['old'], concurrency: 2, hostname: 'old@old' }).start()
  say({ ready: true })
} catch (error) {
  say({ refused: (error as Error).message })
}
