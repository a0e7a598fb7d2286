import { Child } from '../harness/child.ts'
import type { Conditions, Semantics } from '../harness/scenario.ts'
import { installPeers } from '../packages.ts'
import { versionIn, versionsOf } from '../versions.ts'
import { FlaskService } from './flask.ts'
import { INPUT, type Order, type Ready } from './order.ts'

/** A server or a worker that runs. */
export interface Service {
  readonly pid: number
  readonly ready: Ready
  end(): Promise<void>
}

/** One of those that are measured beside each other. */
export interface HttpSide {
  readonly name: 'celeriac' | 'Fastify' | 'Flask'
  readonly semantics: Semantics
  /** Where npm has installed it; absent: it needs no installation. Rejects when that fails. */
  install?(): Promise<string>
  /** Rejects with the reason why it cannot be measured here. */
  version(conditions: Conditions): Promise<string>
  readonly submit: { readonly path: string; readonly body: string }
  /** The id in the answer to that. */
  idOf(answer: unknown): string
  statusPath(id: string): string
  /** Commands that answer how many messages wait, or are held. */
  readonly left: readonly string[]
  start(order: Order): Promise<Service>
}

const BODY = JSON.stringify(INPUT)
/** As on Redis: one server that writes nothing to disk. */
const DURABLE = "in the server's memory"

export const SIDES: readonly HttpSide[] = [
  {
    name: 'celeriac',
    semantics: {
      ack: 'one process; a Zod schema checks the body',
      result: 'message, record, request context and input in one step; status with task, times, ETag, links',
      durable: DURABLE,
      events: 'state changes, for event streams and long polls',
    },
    version: async ({ root }) => `${versionIn(root)} on Node's HTTP server`,
    submit: { path: '/v1/tasks/reports.render', body: BODY },
    idOf: (answer) => (answer as { id: string }).id,
    statusPath: (id) => `/v1/jobs/${id}`,
    left: ['LLEN celery', 'HLEN unacked'],
    start: (order) => NodeService.start('ours.ts', order),
  },
  {
    name: 'Fastify',
    semantics: {
      ack: 'one process without a logger; its JSON schema checks the body',
      result: "BullMQ's job; status by getJob and getState",
      durable: DURABLE,
      events: "BullMQ's stream",
    },
    install: () => installPeers('fastify'),
    version: async () => versionsOf(await installPeers('fastify'), ['fastify', 'bullmq', 'ioredis']),
    submit: { path: '/tasks/render', body: BODY },
    idOf: (answer) => (answer as { id: string }).id,
    statusPath: (id) => `/jobs/${id}`,
    left: ['LLEN bull:bench:wait', 'LLEN bull:bench:active'],
    start: (order) => NodeService.start('fastify.ts', order),
  },
  {
    name: 'Flask',
    semantics: {
      ack: 'gunicorn with two workers; no input, no check',
      result: "Celery's message alone; the status is one word",
      durable: DURABLE,
      events: 'none before the result',
    },
    version: async () => FlaskService.version(),
    submit: { path: '/async_long_running_task', body: '' },
    idOf: (answer) => (answer as { task_id: string }).task_id,
    statusPath: (id) => `/async_long_running_task/${id}`,
    left: ['LLEN celery', 'HLEN unacked'],
    start: (order) => FlaskService.start(order),
  },
]

class NodeService implements Service {
  readonly ready: Ready
  readonly #child: Child

  private constructor(child: Child, ready: Ready) {
    this.#child = child
    this.ready = ready
  }

  /** `file` is beside this one. */
  static async start(file: string, order: Order): Promise<NodeService> {
    const child = new Child(new URL(file, import.meta.url), order)
    try {
      return new NodeService(child, await child.next<Ready>())
    } catch (error) {
      await child.end()
      throw error
    }
  }

  get pid(): number {
    return this.#child.pid
  }

  end(): Promise<void> {
    return this.#child.end()
  }
}
