import assert from 'node:assert/strict'
import { chainData, taskData } from '../../protocol/canvas.ts'
import { readEmission } from '../../protocol/emission.ts'
import type { AbortReason, Report } from '../../protocol/job.ts'
import type { ErrorInfo, Outcome, StopReason } from '../../protocol/outcome.ts'
import { Stop } from '../../std/stopSignal.ts'
import type { Pool } from '../../worker/pool/pool.ts'
import { jobOf } from '../factories.ts'
import { type Kit, pause, stays, until, within } from '../kit.ts'
import { MESSAGE_REPORT, toldJob } from './poolMessage.ts'

/** What a pool can do, which decides the cases that it must pass. */
export interface PoolTraits {
  /** A job that does not stop by itself can be ended, and one that takes its thread or process down harms no other. */
  readonly isolated: boolean
}

/**
 * A pool of this size (or 1), not started, whose app has the tasks of `definePoolTasks`. An isolated one limits memory
 * to 64 MB or so.
 */
export type MakePool = (size: number) => Pool

type Case = (title: string, body: (open: Open) => Promise<void>) => void
type Open = (size: number) => Promise<Pool>

/** What every pool must do; each case is a sentence of the contract in `worker/pool/pool.ts`. */
export function poolSuite(kit: Kit, name: string, makePool: MakePool, traits: PoolTraits): void {
  const one: Case = (title, body) => {
    kit.it(title, async () => {
      const opened: Pool[] = []
      const open: Open = async (size) => {
        const pool = makePool(size)
        opened.push(pool)
        await pool.start()
        return pool
      }
      try {
        await body(open)
      } finally {
        await Promise.all(opened.map((pool) => pool.stop()))
      }
    })
  }
  kit.describe(`pool ${name}`, () => {
    outcomes(one)
    values(one)
    stops(one)
    kills(one)
    places(one)
    closing(one)
    emissions(one)
    if (traits.isolated) isolation(one)
  })
}

function outcomes(one: Case): void {
  one('the task reads what its message said', async (open) => {
    assert.deepEqual(await start(await open(1), 'message', [1]).outcome, { kind: 'success', result: MESSAGE_REPORT })
  })

  one('success', async (open) => {
    assert.deepEqual(await start(await open(1), 'add', [2, 3]).outcome, { kind: 'success', result: 5 })
  })

  one('failure: class, message and traceback of the error', async (open) => {
    const error = failureOf(await start(await open(1), 'fail', ['too far']).outcome)
    assert.deepEqual([error.type, error.message], ['RangeError', 'too far'])
    assert.match(error.traceback ?? '', /RangeError: too far/)
  })

  one('failure without a repeat, of a fatal error and of an unknown task', async (open) => {
    const pool = await open(1)
    assert.equal(failureOf(await start(pool, 'fatal').outcome).type, 'Fatal')
    assert.equal(failureOf(await start(pool, 'unknown').outcome).type, 'NotRegistered')
  })

  one('retry, as the policy of the task says', async (open) => {
    const outcome = await start(await open(1), 'flaky').outcome
    assert.ok(outcome.kind === 'retry', `expected a retry, got ${JSON.stringify(outcome)}`)
    assert.deepEqual([outcome.delay, outcome.error.type, outcome.error.message], [250, 'Error', 'try again'])
  })

  one('ignore and reject', async (open) => {
    const pool = await open(1)
    assert.deepEqual(await start(pool, 'ignore').outcome, { kind: 'ignore' })
    assert.deepEqual(await start(pool, 'reject').outcome, { kind: 'reject', requeue: true, reason: 'not mine' })
  })

  one('a workflow that replaces the task is data', async (open) => {
    const outcome = await start(await open(1), 'replace').outcome
    const tasks = [taskData('add', { args: [1, new Date(0)] }), taskData('add', { args: [2] })]
    assert.deepEqual(outcome, { kind: 'replace', workflow: chainData(tasks) })
  })

  one('reports come in order, all before the outcome', async (open) => {
    const run = start(await open(1), 'steps', [20])
    assert.deepEqual(await run.outcome, { kind: 'success', result: 20 })
    const expected = Array.from({ length: 20 }, (_, at) => ({ state: `STEP ${at + 1}`, meta: { step: at + 1 } }))
    assert.deepEqual(run.reports, expected)
  })
}

function values(one: Case): void {
  one('bytes, dates and deep data arrive as they are, both ways', async (open) => {
    const pool = await open(1)
    const result = { bytes: new Uint8Array([1, 2, 255]), date: new Date(86_400_000) }
    assert.deepEqual(await start(pool, 'values').outcome, { kind: 'success', result })
    const deep = { list: [1, 'two', null, { three: [true, new Uint8Array([9])] }], at: new Date(0) }
    assert.deepEqual(await start(pool, 'echo', [deep]).outcome, { kind: 'success', result: deep })
  })

  one('a result that cannot be sent is a failure that names the place', async (open) => {
    const pool = await open(1)
    assert.match(failureOf(await start(pool, 'unsendable').outcome).message, /result\.call/)
    await assertWorks(pool)
  })

  one('hooks of the start have run before the first job, and jobs share a resource', async (open) => {
    const pool = await open(1)
    const look = async (): Promise<unknown> => ((await start(pool, 'resource').outcome) as { result?: unknown }).result
    const first = await look()
    assert.match(String(first), /^hooked, resource \d+$/)
    assert.equal(await look(), first)
  })
}

function stops(one: Case): void {
  for (const reason of ['revoke', 'shutdown'] as const) {
    one(`a task that observes the signal stops by itself: ${reason}`, async (open) => {
      const run = start(await open(1), 'obedient')
      await run.running
      run.stop(reason)
      assertStopped(await run.outcome, reason, false)
    })
  }

  one('the soft time limit is an error of the task', async (open) => {
    const run = start(await open(1), 'obedient')
    await run.running
    run.stop('soft time limit')
    assert.equal(failureOf(await run.outcome).type, 'SoftTimeLimitExceeded')
  })

  one('a signal that has aborted before the start is observed', async (open) => {
    const run = start(await open(1), 'steps', [1000], { stop: 'revoke' })
    assertStopped(await run.outcome, 'revoke', false)
  })
}

function kills(one: Case): void {
  for (const reason of ['time limit', 'revoke', 'shutdown'] as const) {
    one(`a sleeper is killed, and its slot is free: ${reason}`, async (open) => {
      const pool = await open(1)
      const run = start(pool, 'stubborn', [60_000])
      await run.running
      run.kill(reason)
      assertStopped(await run.outcome, reason, true)
      assert.equal(pool.busy, 0)
      await assertWorks(pool)
    })
  }

  one('a killed job reports nothing more', async (open) => {
    const pool = await open(1)
    const run = start(pool, 'stubborn', [100])
    await run.running
    run.kill('revoke')
    await run.outcome
    await pause(200)
    assert.deepEqual(run.reports, [{ state: 'RUNNING', meta: null }])
  })

  one('a job that was killed before it came never runs', async (open) => {
    const run = start(await open(1), 'steps', [3], { kill: 'time limit' })
    assertStopped(await run.outcome, 'time limit', true)
    assert.deepEqual(run.reports, [])
  })
}

function places(one: Case): void {
  one('reports its size and how many run, and never runs more', async (open) => {
    const pool = await open(2)
    assert.equal(pool.busy, 0)
    const runs = Array.from({ length: pool.size }, () => start(pool, 'obedient'))
    await Promise.all(runs.map((run) => run.running))
    assert.equal(pool.busy, pool.size)
    const late = start(pool, 'add', [1, 1])
    const killed = start(pool, 'add', [1, 1])
    killed.kill('revoke')
    assertStopped(await killed.outcome, 'revoke', true)
    assert.equal(pool.busy, pool.size)
    for (const run of runs) run.stop('revoke')
    assert.deepEqual(await late.outcome, { kind: 'success', result: 2 })
    await Promise.all(runs.map((run) => run.outcome))
    assert.equal(pool.busy, 0)
  })

  one('1000 small jobs at once, each with its own result', async (open) => {
    const pool = await open(2)
    const all = await Promise.all(Array.from({ length: 1000 }, (_, at) => start(pool, 'add', [at, at]).outcome))
    const expected = Array.from({ length: 1000 }, (_, at) => ({ kind: 'success', result: 2 * at }))
    assert.deepEqual(all, expected)
    assert.equal(pool.busy, 0)
  })
}

function closing(one: Case): void {
  one('stop ends what runs and what waits by force, and takes no more', async (open) => {
    const pool = await open(2)
    const runs = Array.from({ length: pool.size }, () => start(pool, 'stubborn', [60_000]))
    const waiting = start(pool, 'add', [1, 1])
    await Promise.all(runs.map((run) => run.running))
    await pool.stop()
    const late = start(pool, 'add', [1, 1])
    for (const run of [...runs, waiting, late]) assertStopped(await run.outcome, 'shutdown', true)
    assert.equal(pool.busy, 0)
  })

  one('stop twice is harmless, start twice too, and a stopped pool starts again', async (open) => {
    const pool = await open(1)
    await pool.start()
    await assertWorks(pool)
    await Promise.all([pool.stop(), pool.stop()])
    await pool.stop()
    await pool.start()
    await assertWorks(pool)
  })
}

function isolation(one: Case): void {
  one('an endless loop is killed within a second, and another job goes on beside it', async (open) => {
    const pool = await open(2)
    const other = start(pool, 'stubborn', [500])
    const run = start(pool, 'spin')
    await run.running
    const before = performance.now()
    run.kill('time limit')
    assertStopped(await run.outcome, 'time limit', true)
    const took = performance.now() - before
    assert.ok(took < 1000, `expected an end within 1000 ms, got ${took}`)
    assert.equal((await other.outcome).kind, 'success')
    await assertWorks(pool)
  })

  const crashes: [task: string, args: unknown[], message: RegExp][] = [
    ['exit', [3], /exit code 3/],
    ['exit', [0], /exit code 0/],
    ['hoard', [], /memory/],
    ['stray', [], /Error: stray/],
  ]
  for (const [task, args, message] of crashes) {
    one(`a crash by ${task}(${args}) is an outcome, and the place is filled again`, async (open) => {
      const pool = await open(1)
      for (let round = 0; round < 2; round++) {
        const error = assertStopped(await start(pool, task, args).outcome, 'crash', true)
        assert.equal(error.type, 'WorkerLostError')
        assert.match(error.message, message)
      }
      await assertWorks(pool)
    })
  }
}

async function assertWorks(pool: Pool): Promise<void> {
  assert.deepEqual(await start(pool, 'add', [1, 2]).outcome, { kind: 'success', result: 3 })
}

function assertStopped(outcome: Outcome, by: StopReason, terminated: boolean): ErrorInfo {
  assert.ok(outcome.kind === 'stopped', `expected stopped, got ${JSON.stringify(outcome)}`)
  assert.deepEqual([outcome.by, outcome.terminated], [by, terminated])
  return outcome.error
}

function failureOf(outcome: Outcome): ErrorInfo {
  assert.ok(outcome.kind === 'failure', `expected a failure, got ${JSON.stringify(outcome)}`)
  return outcome.error
}

function emissions(one: Case): void {
  one('emissions come in the order of the reports, all before the outcome', async (open) => {
    const run = start(await open(1), 'parts', [4, 0])
    assert.deepEqual(await run.outcome, { kind: 'success', result: 4 })
    assert.deepEqual(run.told, ['1 ', '2 ', 'THIRD', '3 ', '4 '])
  })

  one('a job that awaits waits for what takes it, and one that does not fails', async (open) => {
    const pool = await open(1)
    const run = start(pool, 'parts', [40, 50_000], {}, 'held')
    await until('it waits', () => run.told.length >= 20)
    assert.ok(run.told.length < 30, `${run.told.length} are under way`)
    await stays(run.outcome)
    const held = run.told.length
    run.take()
    assert.deepEqual(await run.outcome, { kind: 'success', result: 40 })
    assert.ok(held < 30 && run.told.length === 41)
    const error = failureOf(await start(pool, 'flood', [], {}, 'held').outcome)
    assert.match(error.message, /expected at most 10000 .* not taken yet, got 10000 with \d+ bytes: await each/)
  })

  one('one that waits for its emissions to be taken is asked to stop', async (open) => {
    const run = start(await open(1), 'parts', [1000, 50_000], {}, 'held')
    await until('it waits', () => run.told.length >= 20)
    run.stop('revoke')
    assert.equal((await run.outcome).kind, 'stopped')
  })

  one('too long: refused with its size; also without a listener', async (open) => {
    const pool = await open(1)
    for (const listen of ['taken', 'absent'] as const) {
      const error = failureOf(await start(pool, 'parts', [1, 65_536], {}, listen).outcome)
      assert.equal(error.type, 'EncodeError')
      assert.match(error.message, /^chunk: expected at most 65536 bytes as it is stored, got 655\d\d$/)
    }
    assert.equal((await start(pool, 'parts', [1001, 0], {}, 'absent').outcome).kind, 'success')
  })

  one('lines of its log, from the level that it exposes', async (open) => {
    const run = start(await open(1), 'words')
    await run.outcome
    const [line, ...more] = run.lines as { time: string }[]
    assert.ok(line && more.length === 0 && Math.abs(Date.parse(line.time) - Date.now()) < 60_000)
    const fields = { page: 1, token: '[redacted]', err: { type: 'RangeError', message: 'inner' } }
    assert.deepEqual({ ...line, time: '' }, { level: 'info', time: '', message: 'a word', fields })
  })
}

/** One job in a pool, and the ways to end it. */
interface Started {
  readonly outcome: Promise<Outcome>
  readonly reports: Report[]
  /** States that it reported and chunks that it emitted, as they came. */
  readonly told: string[]
  readonly lines: unknown[]
  /** Take what was emitted, and what comes. */
  take(): void
  /** After the first report. */
  readonly running: Promise<void>
  stop(reason: AbortReason): void
  kill(reason: StopReason): void
}

let count = 0

function start(
  pool: Pool,
  task: string,
  args: readonly unknown[] = [],
  aborted: { stop?: AbortReason; kill?: StopReason } = {},
  listen: 'taken' | 'held' | 'absent' = 'taken',
): Started {
  const job = jobOf(`job-${++count}`, task, args)
  const signal = new Stop()
  const kill = new Stop()
  if (aborted.stop) signal.abort(aborted.stop)
  if (aborted.kill) kill.abort(aborted.kill)
  const reports: Report[] = []
  const { promise: running, resolve } = Promise.withResolvers<void>()
  const told: string[] = []
  const lines: unknown[] = []
  let held: (() => void)[] | undefined = listen === 'held' ? [] : undefined
  const emit = (emission: string | Uint8Array, taken: () => void): void => {
    const { kind, value } = readEmission(emission)
    if (kind === 'log') lines.push(value)
    else told.push((value as string).slice(0, 10).replace(/x+$/, ''))
    if (held) held.push(taken)
    else taken()
  }
  const report = (said: Report): void => {
    reports.push(said)
    told.push(said.state)
    resolve()
  }
  return {
    outcome: within(
      `the outcome of ${task}`,
      pool.run(toldJob(job), { signal, kill, report, emit: listen === 'absent' ? undefined : emit }),
    ),
    reports,
    told,
    lines,
    take: () => {
      const waiting = held ?? []
      held = undefined
      for (const taken of waiting) taken()
    },
    running,
    stop: (reason) => signal.abort(reason),
    kill: (reason) => kill.abort(reason),
  }
}
