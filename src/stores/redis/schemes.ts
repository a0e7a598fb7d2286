/** Schemes of URLs that name a Redis: redis-py's and kombu's. */
export const REDIS_SCHEMES: readonly string[] = ['redis', 'rediss', 'unix', 'redis+socket', 'sentinel']
