import type { Job } from '../../../protocol/job.ts'
import { NOTHING_EMBEDDED } from '../../../protocol/message.ts'

/** A job whose message says all that a message can say. */
export function toldJob(job: Job): Job {
  const next = { task: 'next', args: [1], kwargs: {}, options: {}, subtask_type: null, immutable: false }
  const { id, task, args, kwargs, retries, rootId, headers } = job
  return {
    ...job,
    message: {
      id,
      task,
      args,
      kwargs,
      retries,
      rootId,
      headers,
      embed: { ...NOTHING_EMBEDDED, chain: [next], callbacks: [next] },
      eta: '2026-01-02T03:04:05.678901+00:00',
      expires: '2026-01-03T00:00:00+00:00',
      timeLimit: 30_000,
      softTimeLimit: 20_000,
      group: 'group-1',
      groupIndex: 2,
      origin: 'gen1@host',
      ignoreResult: false,
      priority: 6,
      replyTo: 'replies',
      shadow: 'another name',
      stampedHeaders: ['tenant'],
      stamps: { tenant: 'acme' },
      argsrepr: '(1,)',
      kwargsrepr: '{}',
    },
    properties: { contentType: 'application/json', contentEncoding: 'utf-8', correlationId: 'other', priority: 6 },
    route: { exchange: 'orders', routingKey: 'orders.new' },
  }
}

/** What the task `message` of `definePoolTasks` returns of such a job. */
export const MESSAGE_REPORT: Readonly<Record<string, unknown>> = {
  eta: '2026-01-02T03:04:05.678Z',
  expires: '2026-01-03T00:00:00.000Z',
  timeLimit: 30_000,
  softTimeLimit: 20_000,
  retries: 0,
  priority: 6,
  replyTo: 'replies',
  correlationId: 'other',
  deliveryInfo: { exchange: 'orders', routingKey: 'orders.new', priority: 6, redelivered: false },
  contentType: 'application/json',
  group: 'group-1',
  groupIndex: 2,
  chord: null,
  chain: ['next'],
  callbacks: ['next'],
  errbacks: [],
  stampedHeaders: ['tenant'],
  stamps: { tenant: 'acme' },
  origin: 'gen1@host',
  shadow: 'another name',
  ignoreResult: false,
  replacedTaskNesting: 0,
  argsrepr: '(1,)',
  kwargsrepr: '{}',
  args: [1],
  kwargs: {},
  isEager: false,
  calledDirectly: false,
}
