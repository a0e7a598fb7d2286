import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { chord } from '../../src/calls/workflow.ts'
import { Celeriac } from '../../src/index.ts'
import { createLogger } from '../../src/std/log.ts'
import { versionOf } from '../../src/stores/migration.ts'
import { SQLITE_STEPS } from '../../src/stores/sqlite/migrations.ts'
import { Worker } from '../../src/worker/worker.ts'
import { versionIn } from '../broker/sqlite/tables.ts'
import { eventually } from '../wait.ts'
import { OLD_FLAGS, oldCheckout } from './old/checkout.ts'

/** The last commit with schema version 2, which knows no chords. */
const OLD = '8b7cb60'
const { isThere, program } = await oldCheckout(OLD, 'chordProcess.ts')

type Said = Partial<Record<'ready' | 'sent' | 'refused' | 'shutdown', string>>

/** A process of version 2, and what it said. */
function startOld(url: string) {
  const child = fork(program(), [url], { execArgv: OLD_FLAGS, stdio: ['ignore', 'ignore', 'ignore', 'ipc'] })
  const said: Said[] = []
  child.on('message', (message) => said.push(message as Said))
  const ended = once(child, 'exit')
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await ended
  })
  /** Resolves to all that it has said, when this is among it. */
  const says = (key: keyof Said): Promise<Said> => {
    const all = async (): Promise<Said> => Object.assign({}, ...said)
    return eventually(all, (found) => key in found)
  }
  return { child, says }
}

it.skipIf(!isThere)(
  `a worker of ${OLD} goes on beside one of today until a chord is sent, then it ends, and the chord does too (needs git's history)`,
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'celeriac-old-store-'))
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
    const path = join(folder, 'store.db')
    const url = `sqlite:${path}`
    const old = startOld(url)
    await old.says('ready')
    expect(versionIn(path)).toBe(2)

    const app = new Celeriac({ broker: url, lease: '1s', logger: createLogger('silent') })
    onTestFinished(() => app.close())
    const value = app.task('value', (given: number) => given)
    const sum = app.task('sum', (values: readonly number[]) => values.reduce((total, one) => total + one, 0))
    const worker = new Worker(app, { queues: ['new'], logger: false })
    onTestFinished(() => worker.stop({ grace: 0 }))
    await worker.start()
    expect(versionIn(path)).toBe(versionOf(SQLITE_STEPS))

    // Each runs what the other sends, and another old one may join them.
    expect(await value.applyAsync([4], { queue: 'old' }).get({ timeout: '60s' })).toBe(4)
    old.child.send({})
    const { sent = '' } = await old.says('sent')
    expect(await app.result(sent).get({ timeout: '60s' })).toBe(5)
    await startOld(url).says('ready')

    const members = [1, 2, 3].map((given) => value.s(given).set({ queue: 'old' }))
    const handle = await chord(members, sum.s().set({ queue: 'new' })).delay()
    expect(await old.says('shutdown')).toMatchObject({ shutdown: 'store lost' })
    old.child.send({})
    const newest = versionOf(SQLITE_STEPS)
    const refusal = new RegExp(`schema version ${newest}, for processes of version 3 or later; this celeriac has 2`)
    expect((await old.says('refused')).refused).toMatch(refusal)
    expect((await startOld(url).says('refused')).refused).toMatch(refusal)

    const rest = new Worker(app, { queues: ['old'], logger: false })
    onTestFinished(() => rest.stop({ grace: 0 }))
    await rest.start()
    expect(await handle.get({ timeout: '60s' })).toBe(6)
  },
)
