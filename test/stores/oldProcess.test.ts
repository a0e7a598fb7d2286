import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { Celeriac } from '../../src/index.ts'
import { createLogger } from '../../src/std/log.ts'
import { versionOf } from '../../src/stores/migration.ts'
import { openDatabase } from '../../src/stores/sqlite/database.ts'
import { SQLITE_STEPS } from '../../src/stores/sqlite/migrations.ts'
import { pause } from '../../src/testing/kit.ts'
import { Worker } from '../../src/worker/worker.ts'
import { rowsIn, versionIn, withDatabase } from '../broker/sqlite/tables.ts'
import { eventually } from '../wait.ts'
import { OLD_FLAGS, oldCheckout } from './old/checkout.ts'

/** The last commit with schema version 1. */
const OLD = '6e94bae'
const { isThere, program } = await oldCheckout(OLD, 'process.ts')

interface Said {
  readonly running?: number
  readonly sent?: readonly string[]
  readonly failures?: readonly string[]
  readonly error?: string
}

/** A process of version 1, and what it said. */
function startOld(url: string) {
  const child = fork(program(), [url], { execArgv: OLD_FLAGS, stdio: ['ignore', 'ignore', 'pipe', 'ipc'] })
  const said: Said[] = []
  let errors = ''
  child.on('message', (message) => said.push(message as Said))
  child.stderr?.on('data', (text) => {
    errors += text
  })
  const ended = once(child, 'exit')
  const says = async <Key extends keyof Said>(key: Key): Promise<NonNullable<Said[Key]>> => {
    const found = await eventually(
      async () => ({ value: said.find((message) => key in message)?.[key], gone: child.exitCode, errors }),
      ({ value, gone }) => value !== undefined || gone !== null,
    )
    if (found.value === undefined) throw new Error(`it ended before it said ${key}: ${found.errors}`)
    return found.value as NonNullable<Said[Key]>
  }
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL')
    await ended
  }
  onTestFinished(kill)
  return { child, said, says, kill }
}

it.skipIf(!isThere)(
  `a worker of ${OLD} that runs while its file is migrated gets errors and writes nothing; its tasks go on (needs git's history)`,
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'celeriac-old-store-'))
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
    const path = join(folder, 'store.db')
    const old = startOld(`sqlite:${path}`)
    const ids = await old.says('sent')
    await old.says('running')
    expect(versionIn(path)).toBe(1)
    openDatabase(path).close()
    expect(versionIn(path)).toBe(versionOf(SQLITE_STEPS))
    const rows = rowsIn(path)
    const schema = schemaOf(path)
    expect(rows.message).toHaveLength(20)

    old.child.send({})
    const failures = await old.says('failures')
    expect(failures).toHaveLength(11)
    for (const one of failures) expect(one).toMatch(/no such table|view|no such column|schema version 2/)
    // Several leases: it neither renews its own nor stores the end of the task that it ran.
    await pause(3000)
    expect(rowsIn(path)).toEqual(rows)
    expect(schemaOf(path)).toEqual(schema)
    expect(old.said.some(({ error }) => error !== undefined)).toBe(true)

    const app = new Celeriac({ broker: `sqlite:${path}`, name: 'old', lease: '1s', logger: createLogger('silent') })
    onTestFinished(() => app.close())
    const runs: number[] = []
    app.task('hold', (value: number) => {
      runs.push(value)
      return value
    })
    const worker = new Worker(app, { logger: false })
    onTestFinished(() => worker.stop({ grace: 0 }))
    await worker.start()
    const results = await Promise.all(ids.map((id) => app.result(id).get({ timeout: '60s' })))
    expect(results).toEqual(ids.map((_, value) => value))
    expect(runs.sort((a, b) => a - b)).toEqual(results)
    await old.kill()
  },
)

function schemaOf(path: string): unknown[] {
  return withDatabase(path, (db) => db.prepare('SELECT name, sql FROM sqlite_schema ORDER BY name').all())
}
