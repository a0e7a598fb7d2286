import { expect, test } from 'vitest'
import { until } from '../app/lab.ts'
import { project, runShared, start } from '../cli/harness.ts'
import { emptyRabbit } from '../rabbitmq/shared.ts'
import { inFull } from '../tier.ts'

const TASKS = `
import { Celeriac, currentTask } from 'celeriac'

const stores = $STORES
export const app = new Celeriac({ backend: 'sqlite:t.db', lease: '1s', ...stores })
const { promise, resolve } = Promise.withResolvers()
app.task('work', async () => {
  const { signal } = currentTask()
  console.log('begins')
  await Promise.race([promise, new Promise((end) => signal.addEventListener('abort', end))])
  console.log(signal.aborted ? \`aborted: \${signal.reason}\` : 'ends')
}, { concurrency: 1 })
app.task('free', () => 'free')
process.on('SIGUSR2', resolve)
`

const worker = (folder: string, name: string) => start(folder, ['worker', '-A', 'tasks.ts', '--hostname', name])

const STORES = {
  sqlite: async () => ({ broker: 'sqlite:t.db' }),
  'rabbitmq beside sqlite': async () => ({ broker: await emptyRabbit(), limits: 'sqlite:t.db' }),
}

test.each(['sqlite' as const, ...inFull('rabbitmq beside sqlite' as const)])(
  'on %s a worker that stood still aborts runs with limits that another one has now',
  async (stores) => {
    const folder = project({ 'tasks.ts': TASKS.replace('$STORES', JSON.stringify(await STORES[stores]())) })
    const first = worker(folder, 'first@here')
    await first.until(/ ready/)
    const called = await runShared(folder, ['call', 'work', '-A', 'tasks.ts'])
    const id = called.stdout.trim()
    await first.until(/begins/)
    first.child.kill('SIGSTOP')
    try {
      const second = worker(folder, 'second@here')
      await second.until(/begins/)
      first.child.kill('SIGCONT')
      await first.until(/aborted: WorkerLostError: its lease is over/)
      // Its slot is free again, and what the other one runs is its own.
      await runShared(folder, ['call', 'free', '-A', 'tasks.ts', '--wait'])
      expect(second.stdout).not.toContain('aborted')
      second.child.kill('SIGUSR2')
      await second.until(/ends/)
      await until(async () => (await runShared(folder, ['result', id, '-A', 'tasks.ts'])).code === 0)
    } finally {
      first.child.kill('SIGCONT')
    }
  },
)
