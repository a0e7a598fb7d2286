import { expect, test } from 'vitest'
import type { App } from '../../src/app/app.ts'
import { BoundsWatch } from '../../src/calls/bounds/boundsWatch.ts'
import { keepingCapsOf, queueBoundsOf } from '../../src/config/queueOptions.ts'
import { diagnose } from '../../src/doctor/diagnosis.ts'
import { ConfigError } from '../../src/std/errors.ts'
import type { RedisBroker } from '../../src/stores/redis/broker/broker.ts'
import { project, runShared } from '../cli/harness.ts'
import { inFull } from '../tier.ts'
import { onStores } from './lab.ts'
import { storesOf } from './stores.ts'

interface Line {
  readonly level: 'info' | 'warn'
  readonly text: string
}

/** A watch that looks when it is asked to, and what it logs. */
async function watchOf(app: App): Promise<{ watch: BoundsWatch; lines: Line[] }> {
  const lines: Line[] = []
  const log =
    (level: Line['level']) =>
    (_: unknown, text: string): void =>
      void lines.push({ level, text })
  const logger = { ...app.config.logger, info: log('info'), warn: log('warn'), debug: () => undefined }
  const parts = {
    stores: await storesOf(app),
    boundOf: queueBoundsOf(app.config),
    caps: keepingCapsOf(app.config),
    config: () => ({ ...app.config, logger }),
  }
  return { watch: new BoundsWatch(parts), lines }
}

onStores(['memory', 'sqlite', 'redis', ...inFull('postgres')], (lab) => {
  test('nearly full: a warning once, and again after there was room; of two processes one looks', async () => {
    const app = lab().app({ queues: { mail: { maxQueueLength: 10 } } })
    app.task('work', (n: number) => n)
    const { watch, lines } = await watchOf(app)
    const other = await watchOf(app)
    const send = async (count: number): Promise<void> => {
      for (let at = 0; at < count; at++) await app.send('work', [at], { queue: 'mail' })
    }
    await send(7)
    await watch.look()
    await other.watch.look()
    expect([lines, other.lines]).toEqual([[], []])
    await send(1)
    await watch.look()
    await watch.look()
    await other.watch.look()
    const full = { level: 'warn', text: 'nearly full: queue mail: 8 of 10 (maxQueueLength), 80 %' }
    expect([lines, other.lines]).toEqual([[full], []])
    expect(await app.bounds()).toEqual([
      { what: 'queue mail', option: 'maxQueueLength', used: 8, limit: 10, nearlyFull: true },
    ])
    expect((await diagnose(app)).findings.find(({ check }) => check === 'nearly-full')?.text).toMatch(
      /^queue mail: 8 of 10/,
    )
    await app.purge('mail')
    await watch.look()
    expect(lines.slice(1)).toEqual([
      { level: 'info', text: 'not nearly full any more: queue mail: 0 of 10 (maxQueueLength), 0 %' },
    ])
    await send(9)
    await watch.look()
    expect(lines).toHaveLength(3)
  })

  test('bytes nearly full: a warning, and it is shown', async () => {
    const app = lab().app({ queues: { mail: { maxQueueBytes: 10_000 } } })
    app.task('work', (text: string) => text)
    const { watch, lines } = await watchOf(app)
    // How many bytes a message takes is the store's to say.
    const isNearlyFull = async () => (await app.bounds()).some(({ nearlyFull }) => nearlyFull)
    while (!(await isNearlyFull())) await app.send('work', ['x'.repeat(300)], { queue: 'mail' })
    await watch.look()
    const text = expect.stringMatching(
      /^nearly full: bytes of queue mail: [89]\d{3} of 10000 \(maxQueueBytes\), [89]\d %$/,
    )
    expect(lines).toEqual([{ level: 'warn', text }])
    const [use] = await app.bounds()
    expect(use).toMatchObject({ what: 'bytes of queue mail', limit: 10_000, nearlyFull: true })
    expect((await diagnose(app)).findings.find(({ check }) => check === 'nearly-full')?.text).toMatch(
      /^bytes of queue mail: [89]/,
    )
  })

  test('results beyond the cap are dropped, and none of a job that waits', async () => {
    const app = lab().app({ maxResults: 5, maxEvents: 1000 })
    const work = app.task('work', (n: number) => n)
    const waiting = await work.applyAsync([0], { queue: 'others' })
    await lab().work(app)
    const sent = await Promise.all(Array.from({ length: 12 }, (_, at) => work.delay(at)))
    await Promise.all(sent.map((one) => one.get({ timeout: '20s' })))
    const { watch, lines } = await watchOf(app)
    await watch.look()
    const states = await app.states(sent.map(({ id }) => id))
    expect(states.filter((state) => state === 'SUCCESS')).toHaveLength(5)
    expect(await waiting.state()).toBe('PENDING')
    expect(lines.map(({ text }) => text)).toEqual(['nearly full: results: 5 of 5 (maxResults), 100 %'])
    expect((await app.bounds()).map(({ what, used }) => [what, used])).toEqual([
      ['results', 5],
      ['events', expect.any(Number)],
    ])
  })
})

onStores(['redis'], (lab) => {
  test('what the server refuses is logged, once', async () => {
    const { broker } = await storesOf(lab().app())
    const { connection } = broker as RedisBroker
    await connection.command('ACL', 'SETUSER', 'nobody', 'on', 'nopass', '~*', '&*', '+@all', '-scan')
    lab().after(() => connection.command('ACL', 'DELUSER', 'nobody'))
    const { watch, lines } = await watchOf(
      lab().app({ broker: lab().url.replace('redis://', 'redis://nobody:x@'), maxResults: 5 }),
    )
    for (let at = 0; at < 9; at++) await watch.look()
    expect(lines).toEqual([
      { level: 'warn', text: expect.stringMatching(/^bounds were not kept: redis:.*can't run this command/) },
    ])
    await connection.command('ACL', 'SETUSER', 'nobody', '+scan')
    for (let at = 0; at < 4; at++) await watch.look()
    expect(lines).toHaveLength(1)
  })
})

onStores(['redis', ...inFull('rabbitmq')], (lab, kind) => {
  test('what the store cannot bound is refused at the start', async () => {
    const results = lab().app({ maxResults: 5, backend: 'rpc://' })
    await expect(results.connect()).rejects.toThrow(/^maxResults: expected none, as rpc:.* stores no results$/)
    await expect(results.connect()).rejects.toBeInstanceOf(ConfigError)
    const dropping = lab().app({ maxQueueLength: 5, onFull: 'drop-oldest' })
    await dropping.connect()
    const sized = lab().app({ queues: { mail: { maxQueueBytes: '1 MiB' } } })
    if (kind === 'rabbitmq')
      await expect(sized.connect()).rejects.toThrow(/^queue mail: maxQueueBytes: .*max-length-bytes/)
    else await sized.connect()
  })
})

test('the command line: a call that is refused is one line, and status shows what is full', async () => {
  const source = `
import { Celeriac } from 'celeriac'
export const app = new Celeriac({ maxQueueLength: 1 })
app.task('work', (n: number) => n)
`
  const folder = project({ 'tasks.ts': source })
  expect((await runShared(folder, ['call', '-A', 'tasks.ts', 'work', '1'])).code).toBe(0)
  const refused = await runShared(folder, ['call', '-A', 'tasks.ts', 'work', '1'])
  expect([refused.code, refused.stdout]).toEqual([1, ''])
  // After what is logged.
  expect(refused.stderr).toMatch(
    /\nceleriac: queue celery: expected room for one message more, but its maxQueueLength is 1: send it again later\n$/,
  )
  const { stdout } = await runShared(folder, ['status', '-A', 'tasks.ts'])
  expect(stdout).toContain('bounds:    queue celery 1 of 1 (nearly full)\n')
})
