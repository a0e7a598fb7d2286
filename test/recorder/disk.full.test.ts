import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { App } from '../../src/celeriac.ts'
import { recorderOf } from '../../src/recorder/recorder.ts'
import { createLogger } from '../../src/std/log.ts'
import { useLab } from '../app/lab.ts'
import { eventually } from '../wait.ts'

const run = promisify(execFile)
const lab = useLab('sqlite')
const disk = mkdtempSync(join(tmpdir(), 'celeriac-disk-'))
/** Why there is no small disk here. */
let missing: string | undefined

beforeAll(async () => {
  await run('mount', ['-t', 'tmpfs', '-o', 'size=6m', 'tmpfs', disk]).catch((error: Error) => {
    missing = error.message
  })
})
afterAll(async () => {
  if (missing === undefined) await run('umount', [disk])
  rmSync(disk, { recursive: true, force: true })
})

it('a full disk: tasks go on, one line in the log, and the recorder goes on when there is room', async (context) => {
  if (missing !== undefined) context.skip(`no disk of its own can be mounted: ${missing}`)
  const lines: string[] = []
  const sink = new Writable({
    write: (line, _, done) => {
      lines.push(String(line))
      done()
    },
  })
  const app = new App({
    broker: lab().url,
    logger: createLogger('info', sink),
    recorder: { file: join(disk, 'rec.db') },
  })
  lab().after(() => app.close())
  const echo = app.task('echo', (text: string) => text)
  const recorder = await recorderOf(app)
  await lab().work(app, { concurrency: 8 })
  const total = async () => (await recorder.facets({})).total
  const first = await echo.delay('first')
  expect(await first.get()).toBe('first')
  await eventually(total, (count) => count === 1)
  // Nothing is left of the disk.
  let size = 6 * 2 ** 20
  for (; size > 0; size -= 65_536) {
    try {
      writeFileSync(join(disk, 'filler'), Buffer.alloc(size))
      break
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
    }
  }
  const sent = await echo.delayMany(Array.from({ length: 400 }, (_, at): [string] => [`${at} ${'x'.repeat(900)}`]))
  for (const each of sent) expect(await each.get({ timeout: '60s' })).toMatch(/^\d+ x/)
  const status = await eventually(
    () => recorder.status(),
    ({ problem }) => problem !== undefined,
  )
  expect(status.problem).toMatch(/full|disk I\/O/)
  // Several more attempts.
  await new Promise((resolve) => setTimeout(resolve, 3000))
  const reports = () => lines.filter((line) => line.includes('the recorder cannot write'))
  expect(reports()).toHaveLength(1)
  rmSync(join(disk, 'filler'))
  await eventually(total, (count) => count === 401)
  await eventually(
    () => recorder.status(),
    ({ problem }) => problem === undefined,
  )
  expect(lines.some((line) => line.includes('the recorder writes again'))).toBe(true)
  expect((await recorder.job(sent[399]?.id as string))?.steps.map(({ type }) => type)).toEqual([
    'task-received',
    'task-started',
    'task-succeeded',
  ])
})
