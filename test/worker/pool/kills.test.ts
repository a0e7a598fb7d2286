import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it, onTestFinished } from 'vitest'
import { App } from '../../../src/app/app.ts'
import type { Outcome } from '../../../src/protocol/outcome.ts'
import { createLogger } from '../../../src/std/log.ts'
import { jobOf } from '../../../src/testing/factories.ts'
import { until } from '../../../src/testing/kit.ts'
import type { ChildKind } from '../../../src/worker/pool/child/host.ts'
import { ChildPool } from '../../../src/worker/pool/child/pool.ts'
import { processes } from '../../../src/worker/pool/processes/process.ts'
import { threads } from '../../../src/worker/pool/threads/thread.ts'
import { inFull, isFull } from '../../tier.ts'

/** How a child ends: a task that ends it, with its arguments; those that never return are ended by the pool. */
type Cause = readonly [task: string, ...args: unknown[]]

const OF_BOTH: readonly Cause[] = [['spin'], ['leaveNow'], ['forget']]
const CAUSES: Readonly<Record<ChildKind['pool'], readonly Cause[]>> = {
  threads: OF_BOTH,
  processes: [...OF_BOTH, ['family'], ['signal', 'SIGKILL'], ['signal', 'SIGSEGV'], ['abort'], ['leaveChild']],
}
const KILLS = isFull ? 500 : 10
const SLOTS = 2

async function open(kind: ChildKind): Promise<ChildPool> {
  const app = new App({ broker: 'memory:', logger: createLogger('silent') })
  const module = new URL('./childTasks.ts', import.meta.url).href
  const pool = new ChildPool(app, kind, { size: SLOTS, module })
  onTestFinished(async () => {
    await pool.stop()
    await app.close()
  })
  await pool.start()
  return pool
}

/** Run it until its child has ended; `pids`: of the processes that it started, and its own. */
async function endChild(pool: ChildPool, [task, ...args]: Cause, pids: Set<number>): Promise<Outcome> {
  const kill = new AbortController()
  const limits = { signal: new AbortController().signal, kill: kill.signal }
  return pool.run(jobOf(`id-${task}`, task, args), {
    ...limits,
    report: ({ meta }) => {
      for (const pid of (meta as { pids: number[] }).pids) if (pid !== process.pid) pids.add(pid)
      if (task === 'family' || task === 'spin') kill.abort('time limit')
    },
  })
}

/** A process that is there, and not only its entry in the table of its parent. */
function runs(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

/** File descriptors, threads, and processes that this process started. */
function held(): readonly [descriptors: number, threads: number, processes: number] {
  const tasks = readdirSync('/proc/self/task')
  const children = tasks.map((task) => readFileSync(`/proc/self/task/${task}/children`, 'utf8').split(' '))
  return [readdirSync('/proc/self/fd').length, tasks.length, children.flat().filter(Boolean).length]
}

describe.each([processes(), ...inFull(threads())])('$plural that end, by mixed causes', (kind) => {
  it(`leave no processes, threads and file descriptors, of ${KILLS}`, { timeout: 900_000 }, async () => {
    const pool = await open(kind)
    const pids = new Set<number>()
    const causes = CAUSES[kind.pool]
    let ended = 0
    const endAll = async (count: number): Promise<void> => {
      const until = ended + count
      const slot = async (): Promise<void> => {
        while (ended < until) {
          const outcome = await endChild(pool, causes[ended++ % causes.length] as Cause, pids)
          expect(outcome).toMatchObject({ kind: 'stopped' })
        }
      }
      await Promise.all(Array.from({ length: SLOTS }, slot))
    }
    const whole = async (): Promise<void> => {
      const outcomes = await Promise.all(
        Array.from({ length: SLOTS }, () => pool.run(jobOf('id-where', 'where', []), idle())),
      )
      expect(outcomes.map((outcome) => outcome.kind)).toEqual(Array(SLOTS).fill('success'))
    }
    await endAll(causes.length)
    await whole()
    const before = held()
    await endAll(KILLS)
    await whole()
    await until('all processes have ended', () => ![...pids].some(runs))
    await until(`not more than ${before} is held`, () =>
      held().every((count, at) => count <= (before[at] as number) + 2),
    )
  })
})

function idle(): Parameters<ChildPool['run']>[1] {
  const { signal } = new AbortController()
  return { signal, kill: signal, report: () => undefined }
}
