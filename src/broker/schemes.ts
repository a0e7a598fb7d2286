/** Schemes of Redis, as broker and as backend. */
export const REDIS_SCHEMES: ReadonlySet<string | undefined> = new Set([
  'redis',
  'rediss',
  'unix',
  'redis+socket',
  'sentinel',
])

/** Schemes of RabbitMQ; `pyamqp` is Celery's word for the first. */
export const AMQP_SCHEMES: ReadonlySet<string | undefined> = new Set(['amqp', 'amqps', 'pyamqp', 'pyamqps'])

/** The URL of a file, by its absolute path: escaped no further than it must be, as people read it. */
export function sqliteUrl(path: string): string {
  return `sqlite:${path.replace(/[%?]/g, encodeURIComponent)}`
}
