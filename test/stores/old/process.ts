/*
 * A process of schema version 1. Copied into a checkout of commit 6e94bae, it is run there: `process.ts URL`. It has a worker that runs one task
 * of twenty until its parent asks it to go on, and then does everything that an application does.
 */
import { Celeriac, every } from 'celeriac'
import { Worker } from 'celeriac/worker'

const [, , url] = process.argv
const app = new Celeriac({ broker: url, name: 'old', lease: '1s' })
const late = new Celeriac({ broker: url, name: 'late' })
const say = (message: object): void => void process.send?.(message)
const released = Promise.withResolvers<void>()

const hold = app.task('hold', async (value: number) => {
  say({ running: value })
  await released.promise
  return value
})
app.on('worker:error', ({ error }) => say({ error: (error as Error).message }))

async function failure(name: string, attempt: () => Promise<unknown>): Promise<string> {
  try {
    await attempt()
    return `${name}: done`
  } catch (error) {
    return `${name}: ${(error as Error).message}`
  }
}

await new Worker(app, { concurrency: 1, hostname: 'old@old' }).start()
await app.schedules.list()
await late.result('none').state()
const sent = await Promise.all(Array.from({ length: 20 }, (_, value) => hold.applyAsync([value], { tags: ['old'] })))
say({ sent: sent.map(({ id }) => id) })

process.once('message', async () => {
  released.resolve()
  const attempts: Record<string, () => Promise<unknown>> = {
    submit: () => hold.delay(99),
    state: () => sent[5]?.state() as Promise<unknown>,
    size: () => app.queueSize(),
    jobs: () => app.jobs({ tag: 'old' }),
    revoke: () => sent[6]?.revoke() as Promise<unknown>,
    forget: () => sent[7]?.forget() as Promise<unknown>,
    purge: () => app.purge(),
    schedules: () => app.schedules.list(),
    add: () => app.schedules.add('hourly', every('1h'), { task: 'hold', args: [1] }),
    late: () => late.schedules.add('hourly', every('1h'), { task: 'hold', args: [1] }),
    open: () => new Celeriac({ broker: url }).result('none').state(),
  }
  const failures: string[] = []
  for (const [name, attempt] of Object.entries(attempts)) failures.push(await failure(name, attempt))
  say({ failures })
})
