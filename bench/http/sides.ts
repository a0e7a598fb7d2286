import { Child } from '../embedded/child.ts'
import { installPackages } from '../packages.ts'
import { asVersion } from '../redis/roles.ts'
import type { Present } from '../rounds.ts'
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
  /** What its figures mean. */
  readonly semantics: string
  readonly submit: { readonly path: string; readonly body: string }
  /** The id in the answer to that. */
  idOf(answer: unknown): string
  statusPath(id: string): string
  /** How many messages wait. */
  readonly waiting: string
  /** Answers 0 when nothing is waiting or held. */
  readonly left: readonly string[]
  start(order: Order): Promise<Service>
}

const BODY = JSON.stringify(INPUT)

export const SIDES: readonly HttpSide[] = [
  {
    name: 'celeriac',
    semantics:
      'one process; schema checked; message, record and input stored in one step; status with task, times, ETag, links',
    submit: { path: '/v1/tasks/reports.render', body: BODY },
    idOf: (answer) => (answer as { id: string }).id,
    statusPath: (id) => `/v1/jobs/${id}`,
    waiting: 'LLEN celery',
    left: ['LLEN celery', 'HLEN unacked'],
    start: (order) => NodeService.start('../http/ours.ts', order),
  },
  {
    name: 'Fastify',
    semantics: 'one process, and BullMQ; schema checked; job hash and event stream; status by getJob and getState',
    submit: { path: '/tasks/render', body: BODY },
    idOf: (answer) => (answer as { id: string }).id,
    statusPath: (id) => `/jobs/${id}`,
    waiting: 'LLEN bull:bench:wait',
    left: ['LLEN bull:bench:wait', 'LLEN bull:bench:active'],
    start: (order) => NodeService.start('../http/fastify.ts', order),
  },
  {
    name: 'Flask',
    semantics: 'gunicorn with two workers, and Celery; no input; the message alone; status is one word',
    submit: { path: '/async_long_running_task', body: '' },
    idOf: (answer) => (answer as { task_id: string }).task_id,
    statusPath: (id) => `/async_long_running_task/${id}`,
    waiting: 'LLEN celery',
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

  /** `file` as seen from where Child is. */
  static async start(file: string, order: Order): Promise<NodeService> {
    const child = new Child(new URL(file, import.meta.url).href, order)
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

/** Install what is measured beside ours into `folder`, and ask each side for its version. */
export async function present(folder: string, url: string, names: readonly string[]): Promise<Present<HttpSide>[]> {
  const found: Present<HttpSide>[] = []
  for (const side of SIDES.filter(({ name }) => names.includes(name.toLowerCase()))) {
    found.push(
      await asVersion(side, async () => {
        if (side.name === 'Fastify') installPackages(folder, ['fastify', 'bullmq', 'ioredis'])
        if (side.name === 'Flask') return FlaskService.version()
        const service = await side.start({ role: 'serve', url, folder })
        await service.end()
        return service.ready.version
      }),
    )
  }
  return found
}
