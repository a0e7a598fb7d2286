import type { WorkflowKind } from '../harness/workflows.ts'
import type { SendWorkflow, SentWorkflow } from './workflows.ts'

/* Workflows of BullMQ: jobs whose children run first (`FlowProducer`). */

export interface Data {
  readonly n: number
}
/** What is used of its jobs: by the caller, and by the worker. */
export interface Job {
  readonly name: string
  readonly data: Data
  waitUntilFinished(events: object, patience: number): Promise<unknown>
  getChildrenValues(): Promise<Readonly<Record<string, unknown>>>
}
interface FlowJob {
  readonly name: string
  readonly queueName: string
  readonly data: Data
  readonly children?: readonly FlowJob[]
}
export interface FlowProducer {
  add(flow: FlowJob): Promise<{ readonly job: Job }>
  waitUntilReady(): Promise<unknown>
  close(): Promise<void>
}
/** What workflows need. */
interface Parts {
  readonly queueName: string
  readonly producer: FlowProducer
  readonly events: object
  addBulk(jobs: { name: string; data: Data }[]): Promise<readonly Job[]>
}

const PATIENCE_MS = 5 * 60_000

/** What a worker does with a job. `run` is called with its number. */
export async function processJob(job: Job, run: (task: number) => void): Promise<number | null> {
  run(job.data.n)
  switch (job.name) {
    case 'echo':
      return job.data.n
    case 'sum':
      return sum(Object.values(await job.getChildrenValues()))
    case 'step':
      return sum(Object.values(await job.getChildrenValues())) + 1
    default:
      return null
  }
}

export function bullmqFlow({ queueName, producer, events, addBulk }: Parts): SendWorkflow {
  const echoes = (size: number, first: number): FlowJob[] =>
    Array.from({ length: size }, (_, index) => ({ name: 'echo', queueName, data: { n: first + index } }))
  const flow = async (job: FlowJob): Promise<SentWorkflow> => {
    const sent = await producer.add(job)
    return { end: async () => Number(await sent.job.waitUntilFinished(events, PATIENCE_MS)) }
  }
  const members = async (size: number, first: number): Promise<SentWorkflow> => {
    const sent = await addBulk(echoes(size, first).map(({ name, data }) => ({ name, data })))
    return { end: async () => sum(await Promise.all(sent.map((one) => one.waitUntilFinished(events, PATIENCE_MS)))) }
  }
  const send: Partial<Record<WorkflowKind, (size: number, first: number) => Promise<SentWorkflow>>> = {
    group: members,
    chord: (size, first) => flow({ name: 'sum', queueName, data: { n: first + size }, children: echoes(size, first) }),
    async chain(size, first) {
      let job: FlowJob = { name: 'step', queueName, data: { n: first } }
      for (let n = first + 1; n < first + size; n++) job = { name: 'step', queueName, data: { n }, children: [job] }
      return flow(job)
    },
  }
  return (kind, size, first) => {
    const one = send[kind]
    if (!one) throw new Error(`BullMQ: there is no ${kind}`)
    return one(size, first)
  }
}

function sum(values: readonly unknown[]): number {
  return values.reduce<number>((all, one) => all + Number(one), 0)
}
