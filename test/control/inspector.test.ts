import { readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, onTestFinished } from 'vitest'
import { Control, type RunningTask, type WrittenProfile } from '../../src/control/control.ts'
import { takeProfile, writeProfile } from '../../src/worker/inspector/profileFile.ts'
import { until, useLab } from '../app/lab.ts'
import { defineBusy } from '../worker/modules/busy.ts'

const NAME = 'celery@a'
const ONE = { destination: [NAME], timeout: '10s' } as const
const BUSY = new URL('../worker/modules/busy.ts', import.meta.url)
const FILE = fileURLToPath(BUSY)

/** Answers of the one worker. */
const answerOf = <Value>(replies: readonly Readonly<Record<string, unknown>>[]) => replies[0]?.[NAME] as Value

/** As Chrome's DevTools read it. */
interface CpuProfile {
  readonly nodes: readonly { readonly callFrame: { readonly functionName: string; readonly url: string } }[]
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

function readProfile(path: string): CpuProfile {
  return JSON.parse(readFileSync(path, 'utf8')) as CpuProfile
}

const lab = useLab('sqlite')

describe.each(['threads', 'processes'] as const)('in the pool %s', (pool) => {
  it('where shows the stack of a busy slot, and profile writes what kept it busy', async () => {
    const app = defineBusy(lab().app())
    const profileFolder = dirname(lab().path)
    await lab().work(app, { hostname: NAME, pool, concurrency: 2, module: BUSY, profileFolder, revokeGrace: 0 })
    const control = new Control(app)
    const sent = { busy: await app.send('busy', []), waiting: await app.send('waiting', []) }
    let tasks: ReadonlyMap<string, RunningTask> = new Map()
    await until(async () => {
      const where = (await control.inspect(ONE).where())[NAME] as readonly RunningTask[]
      tasks = new Map(where.map((task) => [task.name, task]))
      return tasks.size === 2 && tasks.get('busy')?.stack?.[0]?.startsWith('turnForEver') === true
    })
    const { busy, waiting } = Object.fromEntries(tasks)
    expect(busy?.stack?.[0]).toMatch(/^turnForEver \(.+:\d+:\d+\)$/)
    expect(busy?.stack?.[0]).toContain(`(${FILE}:8:`)
    expect(busy).toMatchObject({ id: sent.busy.id, pool, time_start: expect.any(Number), runtime: expect.any(Number) })
    expect(waiting).toMatchObject({ id: sent.waiting.id, pool, stack: null })
    expect([busy?.slot, waiting?.slot].toSorted()).toEqual([1, 2])

    const taking = control.profile(NAME, { seconds: 1, slot: busy?.slot ?? 0 })
    const second = answerOf(await control.profile(NAME, { seconds: 1 }))
    expect(second).toEqual({ error: expect.stringContaining('one at a time') })
    const written = answerOf<WrittenProfile>(await taking)
    expect(written).toMatchObject({
      ok: expect.stringContaining(written.path),
      slot: busy?.slot,
      pid: busy?.worker_pid,
    })
    expect(dirname(written.path)).toBe(profileFolder)
    expect(statSync(written.path).mode & 0o777).toBe(0o600)
    const { nodes, samples, timeDeltas } = readProfile(written.path)
    expect(nodes.map(({ callFrame }) => callFrame.functionName)).toContain('turnForEver')
    expect(samples.length).toBeGreaterThan(0)
    expect(timeDeltas).toHaveLength(samples.length)
    // It goes on as before.
    expect(await control.inspect(ONE).queryTask(sent.busy.id)).toMatchObject({
      [NAME]: { [sent.busy.id]: ['active', {}] },
    })
    // Until its thread or process is ended: then there is no profile.
    const ended = control.profile(NAME, { seconds: 60, slot: busy?.slot ?? 0 })
    await until(async () => 'error' in answerOf<object>(await control.profile(NAME, { seconds: 60 })))
    await sent.busy.revoke({ terminate: true })
    expect(answerOf(await ended)).toEqual({ error: expect.stringMatching(/^WorkerLostError.*has ended/) })
  })
})

it('profile: of the own thread of a worker; refused what it does not have, allow, or can read', async () => {
  const app = lab().app()
  // Until it was seen in a profile, however long that takes on a busy machine.
  let isWanted = true
  onTestFinished(() => {
    isWanted = false
  })
  app.task('spin', async () => {
    const spinOnce = () => {
      for (const until = performance.now() + 20; performance.now() < until; );
    }
    while (isWanted) {
      spinOnce()
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  })
  const profileFolder = dirname(lab().path)
  const worker = await lab().work(app, { hostname: NAME, profileFolder })
  const control = new Control(app)
  await app.send('spin', [])
  await until(() => worker.busy > 0)
  expect((await control.inspect(ONE).where())[NAME]).toMatchObject([{ name: 'spin', slot: null, stack: null }])
  const { path, slot } = answerOf<WrittenProfile>(await control.profile(NAME, { seconds: 1 }))
  expect(slot).toBeNull()
  expect(readProfile(path).nodes.map(({ callFrame }) => callFrame.functionName)).toContain('spinOnce')
  isWanted = false

  const ask = async (given: object) => answerOf(await control.broadcast('profile', { ...given }, ONE))
  const refusal = (pattern: RegExp) => ({ error: expect.stringMatching(pattern) })
  expect(await ask({ seconds: 61 })).toEqual(refusal(/seconds: expected a whole number from 1 to 60, got 61/))
  expect(await ask({ seconds: '1' })).toEqual(refusal(/seconds: expected a whole number/))
  expect(await ask({ seconds: 1, slot: 1 })).toEqual(refusal(/slot: expected none, since tasks run in its own thread/))
  // Names on the wire are ignored.
  const { path: second } = (await ask({ seconds: 1, path: '/tmp/x', folder: '/' })) as WrittenProfile
  expect(readdirSync(profileFolder).filter((name) => name.endsWith('.cpuprofile'))).toHaveLength(2)
  expect(dirname(second)).toBe(profileFolder)
  await lab().work(app, { hostname: 'celery@deaf', control: ['inspect'] })
  expect(await control.profile('celery@deaf', { seconds: 1 })).toEqual([{ 'celery@deaf': refusal(/^PermissionError/) }])
})

it('of many profiles the last 20 are kept, in files whose names are of the worker alone', async () => {
  const profileFolder = dirname(lab().path)
  const stopping = new AbortController().signal
  const worker = { hostname: '../../etc/cron.d/x y' }
  const paths: string[] = []
  for (let count = 0; count < 22; count++)
    paths.push(
      await writeProfile(await takeProfile({ stopping, time: 1, source: async () => '{}' }), { worker, profileFolder }),
    )
  const left = readdirSync(profileFolder).filter((name) => name.endsWith('.cpuprofile'))
  expect(left.toSorted()).toEqual(
    paths
      .slice(2)
      .map((path) => basename(path))
      .toSorted(),
  )
  expect(left[0]).toMatch(/^[\w.@-]+[.]cpuprofile$/)
})

it('a worker that stops waits for no profile', async () => {
  const app = lab().app()
  const worker = await lab().work(app, { hostname: NAME, profileFolder: dirname(lab().path) })
  const control = new Control(app)
  const taking = control.profile(NAME, { seconds: 60, timeout: '1s' })
  // While it is taken the worker answers.
  await until(async () => 'error' in answerOf<object>(await control.profile(NAME, { seconds: 60 })))
  await worker.stop({ grace: 0 })
  expect(answerOf(await taking)).toEqual({ error: expect.stringContaining('the worker stops') })
})
