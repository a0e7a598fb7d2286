/* The entry of one child process: the same two requests by Fastify and BullMQ on ioredis, with their own defaults; or its worker. */
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { Order, Ready } from './order.ts'

interface Job {
  readonly id: string
  readonly returnvalue: unknown
  getState(): Promise<string>
}
interface Queue {
  add(name: string, data: unknown): Promise<Job>
  getJob(id: string): Promise<Job | undefined>
  close(): Promise<void>
}
interface Worker {
  waitUntilReady(): Promise<unknown>
  close(): Promise<void>
}
/** What is used of BullMQ. */
interface BullMQ {
  readonly Queue: new (name: string, options: object) => Queue
  readonly Worker: new (
    name: string,
    run: (job: { data: { id: string } }) => Promise<unknown>,
    options: object,
  ) => Worker
}

interface Reply {
  code(status: number): Reply
  header(name: string, value: string): Reply
  send(body: unknown): Reply
}
type Handler<Request> = (request: Request, reply: Reply) => Promise<unknown>
/** What is used of Fastify. */
interface Server {
  post(path: string, options: object, handler: Handler<{ body: unknown }>): void
  get(path: string, handler: Handler<{ params: { id: string } }>): void
  listen(options: object): Promise<string>
  close(): Promise<void>
}

const QUEUE = 'bench'
const order = JSON.parse(process.argv[2] ?? '') as Order
const { hostname: host, port } = new URL(order.url)
const connection = { host, port: Number(port) }
const installed = createRequire(join(order.folder, 'package.json'))
const bullmq = installed('bullmq') as BullMQ

const BODY = {
  type: 'object',
  required: ['id', 'dpi', 'title', 'formats'],
  additionalProperties: false,
  properties: {
    id: { type: 'string', minLength: 1 },
    dpi: { type: 'integer', minimum: 50, maximum: 600 },
    title: { type: 'string' },
    formats: { type: 'array', items: { enum: ['pdf', 'png'] } },
  },
}

function open(queue: Queue): Server {
  const server = (installed('fastify') as (options: object) => Server)({ logger: false })
  server.post('/tasks/render', { schema: { body: BODY } }, async ({ body }, reply) => {
    const { id } = await queue.add('render', body)
    return reply.code(202).header('location', `/jobs/${id}`).send({ id, state: 'waiting' })
  })
  server.get('/jobs/:id', async ({ params: { id } }, reply) => {
    const job = await queue.getJob(id)
    if (!job) return reply.code(404).send({ message: `no job ${id}` })
    return { id, state: await job.getState(), result: job.returnvalue }
  })
  return server
}

function say(ready: Ready): void {
  process.send?.(ready)
}

async function run(): Promise<void> {
  const gone = once(process, 'disconnect')
  if (order.role === 'work') {
    const worker = new bullmq.Worker(QUEUE, async ({ data }) => data.id, { connection, concurrency: 10 })
    await worker.waitUntilReady()
    say({})
    await gone
    await worker.close()
    return
  }
  const queue = new bullmq.Queue(QUEUE, { connection })
  const server = open(queue)
  const url = await server.listen({ host: '127.0.0.1', port: 0 })
  say({ port: Number(new URL(url).port) })
  await gone
  await server.close()
  await queue.close()
}

await run()
