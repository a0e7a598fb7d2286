/* Schemes of the URLs of stores, apart from what opens them: that is loaded when a URL is used. */

/** Schemes of URLs that name a Redis: redis-py's and kombu's. */
export const REDIS_SCHEMES: readonly string[] = ['redis', 'rediss', 'unix', 'redis+socket', 'sentinel']
/** Schemes of URLs that name a RabbitMQ; `pyamqp` is Celery's name for the first. */
export const AMQP_SCHEMES: readonly string[] = ['amqp', 'amqps', 'pyamqp', 'pyamqps']
/** Schemes of URLs that name a PostgreSQL database: libpq's. */
export const POSTGRES_SCHEMES: readonly string[] = ['postgres', 'postgresql']
