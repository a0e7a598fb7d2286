import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Drain, Ended, Idle, Order, RssSample, Work } from '../harness/order.ts'
import { askEach, bulkEach } from './calls.ts'
import { Ledger } from './ledger.ts'
import { Pace } from './pace.ts'
import { presentMoment, type SendWorkflow, sendEach } from './workflows.ts'

/** What a side can do in a child process. Tasks are known by their numbers, and have these as their argument. */
export interface Roles {
  /** What is measured, in words. Absent: the parent knows. */
  version?(): string
  /** Have tasks 0 to `tasks` - 1 wait. */
  fill(tasks: number): Promise<unknown>
  /** Submit the tasks that `pace` gives, and notify it of each that the store has. */
  enqueue(pace: Pace, inFlight: number): Promise<unknown>
  /** Submit these tasks by one call. Absent: it has no such call, or it is not measured. */
  enqueueMany?(tasks: readonly number[]): Promise<unknown>
  /**
   * Start a worker: it calls `run` for each task, and `done` when results have been stored. If it cannot call `run` before it
   * stops, it calls `begin` when the first task starts.
   */
  work(
    run: (task: number) => void,
    done: (count?: number) => void,
    begin: () => void,
  ): Promise<{ stop(): Promise<unknown> }>
  /** Call, and await the result. Absent: there is none to await. */
  ask?(task: number): Promise<unknown>
  /** Call, and await no result. Absent: it is not measured. */
  submit?(task: number): Promise<unknown>
  /** Send a workflow. Absent: it has none. */
  readonly flow?: SendWorkflow
  /** Operations of the store so far, where this process counts them. */
  operations?(): number
  close(): Promise<unknown>
}

/** Between two samples of the memory, ms. */
const SAMPLE_EVERY_MS = 250

/** Do what the order on the command line says, and send the answers to the parent. */
export async function runProgram(open: (order: Order) => Roles | Promise<Roles>): Promise<void> {
  const order = JSON.parse(process.argv[2] ?? '') as Order
  const roles = await open(order)
  const gone = once(process, 'disconnect')
  await follow(order, roles)
  if (order.role !== 'work') await gone
  await roles.close()
}

function say(message: unknown): void {
  process.send?.(message)
}

async function follow(order: Order, roles: Roles): Promise<void> {
  switch (order.role) {
    case 'version':
      return say(roles.version?.())
    case 'fill':
      await roles.fill(order.tasks)
      return say('filled')
    case 'enqueue': {
      const pace = new Pace(order, say)
      pace.begin()
      await (order.bulk === undefined
        ? roles.enqueue(pace, order.inFlight)
        : bulkEach(pace, order.bulk, required(roles.enqueueMany)))
      return say({ tasks: pace.total, operations: roles.operations?.() } satisfies Ended)
    }
    case 'ask':
      return say(await askEach(order, required(order.starts ? roles.submit : roles.ask)))
    case 'flow':
      if (!roles.flow) throw new Error('there are no workflows to send')
      return say(await sendEach(order, roles.flow, () => say('begin')))
    case 'drain':
      return drain(order, roles)
    case 'work':
      return work(order, roles)
    case 'idle':
      return idle(order, roles)
  }
}

/** The clock starts with the first task. */
async function drain(order: Drain, roles: Roles): Promise<void> {
  const pace = new Pace(order, say)
  const ledger = new Ledger(order.tasks)
  const rss: RssSample[] = []
  const sampling = setInterval(() => void rss.push([pace.total, process.memoryUsage.rss()]), SAMPLE_EVERY_MS)
  const { promise: finished, resolve } = Promise.withResolvers<void>()
  const worker = await roles.work(
    (task) => {
      pace.begin()
      ledger.mark(task)
    },
    (count) => {
      pace.done(count)
      if (pace.total === order.tasks) resolve()
    },
    () => pace.begin(),
  )
  await finished
  clearInterval(sampling)
  const operations = roles.operations?.()
  await worker.stop()
  ledger.write(order.ledger)
  say({ tasks: pace.total, operations, rss } satisfies Ended)
}

async function work(order: Work, roles: Roles): Promise<void> {
  const ledger = new Ledger(order.tasks)
  const starts: number[] = []
  const run = (task: number): void => {
    if (order.starts !== undefined) starts[task] = presentMoment()
    ledger.mark(task)
  }
  const worker = await roles.work(run, ignore, ignore)
  const gone = once(process, 'disconnect')
  say('ready')
  await gone
  await worker.stop()
  ledger.write(order.ledger)
  if (order.starts !== undefined) writeFileSync(order.starts, JSON.stringify(starts))
}

async function idle({ settle, window }: Idle, roles: Roles): Promise<void> {
  const worker = await roles.work(ignore, ignore, ignore)
  await sleep(settle * 1000)
  const before = roles.operations?.()
  say('begin')
  await sleep(window * 1000)
  const after = roles.operations?.()
  say({
    tasks: 0,
    ...(before === undefined || after === undefined ? {} : { operations: after - before }),
  } satisfies Ended)
  await worker.stop()
}

const ignore = (): void => undefined

/** What a side can do. Throws where it cannot. */
function required<Role>(role: Role | undefined): Role {
  if (role === undefined) throw new Error('the side has no such call')
  return role
}
