import type { Flow, Flowed } from '../harness/order.ts'
import { sumOf, tasksOf, type WorkflowKind } from '../harness/workflows.ts'

/** A workflow that is sent. */
export interface SentWorkflow {
  /** Resolves at its end: what its results come to in sum; undefined where nothing is collected. */
  end(): Promise<number | undefined>
  /** The moment that counts as its end, ms since the epoch. Absent: that at which `end` resolves. */
  moment?(): number
}

/** Send a workflow of `size` members or steps, whose tasks are numbered from `first` on. Resolves when all is sent. */
export type SendWorkflow = (kind: WorkflowKind, size: number, first: number) => Promise<SentWorkflow>

/** The present moment, ms since the epoch, with fractions: the same in all processes of a machine. */
export function presentMoment(): number {
  return performance.timeOrigin + performance.now()
}

/** Send workflows one after the other, and check what each results in. */
export async function sendEach(
  { kind, size, first, warmup, window }: Flow,
  send: SendWorkflow,
  begin: () => void,
): Promise<Flowed> {
  const sent: number[] = []
  const ended: number[] = []
  let workflows = 0
  const one = async (): Promise<void> => {
    const number = first + workflows++ * tasksOf(kind, size)
    const start = presentMoment()
    const flow = await send(kind, size, number)
    sent.push(presentMoment() - start)
    const sum = await flow.end()
    ended.push((flow.moment?.() ?? presentMoment()) - start)
    if (sum !== undefined && sum !== sumOf(kind, size, number))
      throw new Error(`${kind} of ${size} from ${number}: expected ${sumOf(kind, size, number)}, got ${sum}`)
  }
  while (workflows < warmup) await one()
  sent.length = 0
  ended.length = 0
  begin()
  const cpu = process.cpuUsage()
  const begun = performance.now()
  do await one()
  while (performance.now() - begun < window * 1000)
  const seconds = (performance.now() - begun) / 1000
  const { user, system } = process.cpuUsage(cpu)
  const order = (a: number, b: number): number => a - b
  const tasks = ended.length * tasksOf(kind, size)
  return { sent: sent.sort(order), ended: ended.sort(order), workflows, tasks, seconds, cpuMicroseconds: user + system }
}
