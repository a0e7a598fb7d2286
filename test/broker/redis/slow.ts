import type { Redis } from 'ioredis'

/** How long the commands took, ms, that kept the server for longer than `limit` ms while `work` was done, the slowest first. */
export async function slowCommands(redis: Redis, limit: number, work: () => Promise<unknown>): Promise<number[]> {
  await redis.config('SET', 'slowlog-log-slower-than', limit * 1000, 'slowlog-max-len', 10_000)
  await redis.slowlog('RESET')
  await work()
  const entries = (await redis.slowlog('GET', 10_000)) as [id: number, time: number, microseconds: number][]
  return entries.map(([, , microseconds]) => microseconds / 1000).sort((a, b) => b - a)
}

/** The server's own processor time for one script on average, ms, of those that `work` runs: a machine that is busy elsewhere does not count. */
export async function scriptCost(redis: Redis, work: () => Promise<unknown>): Promise<number> {
  await redis.config('RESETSTAT')
  const before = await processorTime(redis)
  await work()
  const used = (await processorTime(redis)) - before
  const calls = [...(await redis.info('commandstats')).matchAll(/cmdstat_eval(?:sha)?:calls=(\d+)/g)]
  return used / calls.reduce((sum, [, count]) => sum + Number(count), 0)
}

/** What the server has used since its start, ms. */
async function processorTime(redis: Redis): Promise<number> {
  const times = [...(await redis.info('cpu')).matchAll(/^used_cpu_(?:sys|user):([\d.]+)/gm)]
  return times.reduce((sum, [, seconds]) => sum + Number(seconds) * 1000, 0)
}

/** Put `count` messages into a list, as celeriac writes them, of the tasks t0, t1, t2 … */
export async function fill(redis: Redis, list: string, count: number): Promise<void> {
  for (let from = 0; from < count; from += 1000) {
    const texts = Array.from({ length: Math.min(1000, count - from) }, (_, at) => messageText(`t${from + at}`))
    await redis.lpush(list, ...texts)
  }
}

/** A message as it lies in a list. */
export function messageText(id: string, priority = 0): string {
  return JSON.stringify({
    body: Buffer.from(`[[${'1,'.repeat(150)}1],{},{}]`).toString('base64'),
    'content-encoding': 'utf-8',
    'content-type': 'application/json',
    headers: { id, task: 'a', lang: 'js', retries: 0, root_id: id, argsrepr: '('.repeat(50), kwargsrepr: '{}' },
    properties: {
      correlation_id: id,
      reply_to: 'caller',
      delivery_mode: 2,
      delivery_info: { exchange: '', routing_key: 'q' },
      priority,
      body_encoding: 'base64',
      delivery_tag: '0a3f9b8e-1111-4222-8333-444455556666',
    },
  })
}
