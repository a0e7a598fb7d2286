import type { Celeriac } from 'celeriac'
import type { WorkflowKind } from '../harness/workflows.ts'
import type { loadCeleriac } from './load.ts'
import { presentMoment, type SendWorkflow, type SentWorkflow } from './workflows.ts'

const PATIENCE = { timeout: '5m' } as const

/** What a worker has seen so far: echoes with stored results, the moment of the last, the start of the last body. */
interface Seen {
  readonly succeeded: number
  readonly lastSuccess: number
  readonly bodyStart: number
}

function tasksIn(app: Celeriac, run: (task: number) => void) {
  let seen: Seen = { succeeded: 0, lastSuccess: 0, bodyStart: 0 }
  const echo = app.task('bench.echo', (task: number) => {
    run(task)
    return task
  })
  const step = app.task('bench.step', (before: number, task: number) => {
    run(task)
    return before + 1
  })
  const sum = app.task('bench.sum', (list: readonly number[], task: number) => {
    seen = { ...seen, bodyStart: presentMoment() }
    run(task)
    return list.reduce((all, one) => all + one, 0)
  })
  app.on('task:success', ({ task }) => {
    if (task === 'bench.echo') seen = { ...seen, succeeded: seen.succeeded + 1, lastSuccess: presentMoment() }
  })
  return { echo, step, sum, seen: app.task('bench.seen', () => seen) }
}

/** Define the tasks of workflows. `run` is called in each with its number. */
export function celeriacFlow(
  app: Celeriac,
  { group, chord, chain }: Awaited<ReturnType<typeof loadCeleriac>>,
  run: (task: number) => void,
): SendWorkflow {
  const { echo, step, sum, seen } = tasksIn(app, run)
  /** Leaves no result. */
  const look = async (): Promise<Seen> => {
    const handle = await seen.delay()
    const found = await handle.get(PATIENCE)
    await handle.forget()
    return found
  }
  const echoes = (size: number, first: number) => numbers(size, first).map((task) => echo.s(task))
  const bodies = (size: number, first: number) => chord(echoes(size, first), sum.s(first + size)).delay()
  const send: Record<WorkflowKind, (size: number, first: number) => Promise<SentWorkflow>> = {
    async group(size, first) {
      const sent = await group(echoes(size, first)).delay()
      return { end: async () => (await sent.join(PATIENCE)).reduce((all, one) => all + one, 0) }
    },
    async chord(size, first) {
      const sent = await bodies(size, first)
      return { end: () => sent.get(PATIENCE) }
    },
    async body(size, first) {
      const sent = await bodies(size, first)
      let start = 0
      return {
        async end() {
          const result = await sent.get(PATIENCE)
          start = (await look()).bodyStart
          return result
        },
        moment: () => start,
      }
    },
    async chain(size, first) {
      const [start = first, ...rest] = numbers(size, first)
      const sent = await chain(step.s(0, start), ...rest.map((task) => step.s(task))).delay()
      return { end: () => sent.get(PATIENCE) }
    },
    async tasks(size, first) {
      const expected = (await look()).succeeded + size
      await echo.delayMany(numbers(size, first).map((task) => [task]))
      let found: Seen | undefined
      return {
        async end() {
          do found = await look()
          while (found.succeeded < expected)
          return undefined
        },
        moment: () => found?.lastSuccess ?? 0,
      }
    },
  }
  return (kind, size, first) => send[kind](size, first)
}

function numbers(size: number, first: number): number[] {
  return Array.from({ length: size }, (_, index) => first + index)
}
