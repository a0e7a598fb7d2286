import assert from 'node:assert/strict'
import { chainData, taskData } from '../../../protocol/canvas.ts'
import type { Pool } from '../../../worker/pool/pool.ts'
import { type Kit, pause, stays, until } from '../../kit.ts'
import { casesAlone, casesTogether, type PoolCase, type PoolTraits } from './poolCase.ts'
import { assertStopped, assertWorks, failureOf, start } from './poolJob.ts'
import { MESSAGE_REPORT } from './poolMessage.ts'
import { resizing } from './poolResize.ts'

/**
 * A pool of this size (or 1), not started, whose app has the tasks of `definePoolTasks`. An isolated one limits memory
 * to 64 MB or so.
 */
export type MakePool = (size: number) => Pool

/** What every pool must do; each case is a sentence of the contract in `worker/pool/pool.ts`. */
export function poolSuite(kit: Kit, name: string, makePool: MakePool, traits: PoolTraits): void {
  kit.describe(`pool ${name}`, () => {
    const one = casesAlone(kit, makePool)
    const quiet = casesTogether(kit, makePool)
    outcomes(quiet)
    values(quiet)
    beginnings(one)
    stops(quiet)
    kills(quiet)
    places(quiet)
    closing(one)
    emissions(quiet)
    resizing(one, traits)
    if (traits.isolated) isolation(one, quiet)
  })
}

function outcomes(one: PoolCase): void {
  one('the task reads what its message said', async (open) => {
    assert.deepEqual(await start(await open(1), 'message', [1]).outcome, { kind: 'success', result: MESSAGE_REPORT })
  })

  one('success, also of an older input that is upgraded', async (open) => {
    const pool = await open(1)
    assert.deepEqual(await start(pool, 'add', [2, 3]).outcome, { kind: 'success', result: 5 })
    assert.deepEqual(await start(pool, 'renewed', [1, 2]).outcome, { kind: 'success', result: [10, 20] })
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

  one('retry after the wait that a function of the task says', async (open) => {
    const outcome = await start(await open(1), 'backing').outcome
    assert.ok(outcome.kind === 'retry', `expected a retry, got ${JSON.stringify(outcome)}`)
    assert.deepEqual([outcome.delay, outcome.error.message], [104, 'four'])
  })

  one('ignore, reject and snooze', async (open) => {
    const pool = await open(1)
    assert.deepEqual(await start(pool, 'snoozing').outcome, { kind: 'snooze', delay: 300_000 })
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

function values(one: PoolCase): void {
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

  one('events that it sends come in order, all before the outcome', async (open) => {
    const run = start(await open(1), 'eventful', [3])
    assert.equal((await run.outcome).kind, 'success')
    assert.deepEqual(
      run.events,
      [1, 2, 3].map((step) => ['task-step', { step, text: 'ü' }]),
    )
  })
}

function beginnings(one: PoolCase): void {
  one('hooks of the start have run before the first job, and jobs share a resource', async (open) => {
    const pool = await open(1)
    const look = async (): Promise<unknown> => ((await start(pool, 'resource').outcome) as { result?: unknown }).result
    const first = await look()
    assert.match(String(first), /^hooked, resource \d+$/)
    assert.equal(await look(), first)
  })
}

function stops(one: PoolCase): void {
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

function kills(one: PoolCase): void {
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

function places(one: PoolCase): void {
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

function closing(one: PoolCase): void {
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

function isolation(one: PoolCase, quiet: PoolCase): void {
  quiet('an endless loop is killed within a second, and another job goes on beside it', async (open) => {
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

function emissions(one: PoolCase): void {
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
