import type { BackendOptions, ResultBackend } from '../backend/backend.ts'
import { REDIS_SCHEMES } from '../broker/schemes.ts'
import { ConfigError } from '../std/errors.ts'
import { redactUrl, schemeOf } from '../std/url.ts'

/** The result backend of a URL. Each store's code is loaded when its URL is used. Throws ConfigError for a scheme that nobody knows. */
export async function openBackend(url: string, options: BackendOptions): Promise<ResultBackend> {
  const scheme = schemeOf(url)
  if (REDIS_SCHEMES.has(scheme)) {
    const { RedisBackend } = await import('./redis/results/backend.ts')
    return new RedisBackend(url, options)
  }
  switch (scheme) {
    case 'sqlite': {
      const { SqliteBackend } = await import('./sqlite/results/backend.ts')
      return new SqliteBackend(url, options)
    }
    case 'memory': {
      const { MemoryBackend } = await import('./memory/backend.ts')
      return new MemoryBackend(options)
    }
    case 'rpc': {
      const { RpcBackend } = await import('./rpc/backend.ts')
      return new RpcBackend(options)
    }
    default:
      throw new ConfigError(`backend: expected a URL of sqlite:, redis:, rpc: or memory:, got ${redactUrl(url)}`)
  }
}
