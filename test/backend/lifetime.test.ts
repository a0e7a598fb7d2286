import { describe, it, vi } from 'vitest'
import type { BackendOptions } from '../../src/backend/backend.ts'
import type { TaskMeta } from '../../src/protocol/result.ts'
import { PENDING } from '../../src/protocol/states.ts'
import { MemoryBackend } from '../../src/stores/memory/backend.ts'
import { MemoryBroker } from '../../src/stores/memory/broker.ts'
import { RpcBackend } from '../../src/stores/rpc/backend.ts'
import { until } from '../../src/testing/kit.ts'
import { lifetimeSuite } from '../../src/testing/suites/lifetimeSuite.ts'
import { Folder } from '../broker/sqlite/folder.ts'
import { emptySchema } from '../postgres/shared.ts'
import { StandalonePostgresBackend } from '../postgres/standalone.ts'
import { RedisServer } from '../redis/server.ts'
import { StandaloneRedisBackend, StandaloneSqliteBackend } from '../stores/standalone.ts'

function optionsOf(expires: number): BackendOptions {
  return { expires, serializer: 'json', accept: ['json'] }
}

lifetimeSuite({ describe, it }, 'memory', async (expires) => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] })
  const backend = new MemoryBackend(optionsOf(expires))
  return {
    backend,
    pass: async (ms) => {
      await vi.advanceTimersByTimeAsync(ms)
    },
    close: async () => {
      vi.useRealTimers()
      await backend.close()
    },
  }
})

/** As a worker in the caller's own process stores: everything but PENDING is a reply. */
class Replying extends RpcBackend {
  override store(meta: TaskMeta): Promise<boolean> {
    return super.store(meta, meta.status === PENDING ? undefined : { to: 'own', correlationId: meta.task_id })
  }
}

lifetimeSuite({ describe, it }, 'rpc', async (expires) => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'Date'] })
  const backend = new Replying({ ...optionsOf(expires), replyTo: 'own' }, new MemoryBroker())
  return {
    backend,
    pass: async (ms) => {
      vi.setSystemTime(Date.now() + ms - 60_000)
      // Once a minute what has expired is dropped.
      await vi.advanceTimersByTimeAsync(60_000)
    },
    close: async () => {
      vi.useRealTimers()
      await backend.close()
    },
  }
})

lifetimeSuite({ describe, it }, 'sqlite', async (expires) => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  const folder = new Folder()
  const backend = new StandaloneSqliteBackend(folder.url(), optionsOf(expires))
  return {
    backend,
    pass: async (ms) => {
      const { db } = backend.file
      db.prepare('UPDATE celeriac_result SET created = created - ?1, expires = expires - ?1').run(ms)
      db.prepare('UPDATE celeriac_revoked SET expires = expires - ?').run(ms)
      await vi.advanceTimersByTimeAsync(60_000)
      // Behind the transaction that drops.
      await backend.notes.putIfAbsent({ key: 'k', value: '', expires: 0 })
    },
    close: async () => {
      vi.useRealTimers()
      await backend.close()
      folder.remove()
    },
  }
})

lifetimeSuite({ describe, it }, 'postgres', async (expires) => {
  const url = await emptySchema()
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  const backend = new StandalonePostgresBackend(url, optionsOf(expires))
  return {
    backend,
    pass: async (ms) => {
      await backend.value('UPDATE celeriac.result SET created = created - $1, expires = expires - $1', ms)
      await backend.value('UPDATE celeriac.revoked SET expires = expires - $1', ms)
      // Dropped in the transaction that drops the rest.
      await backend.notes.put({ key: 'old', value: '', expires: 1 })
      await until('all is dropped', async () => {
        // While a round is under way its timer begins no other.
        await vi.advanceTimersByTimeAsync(60_000)
        return (await backend.value('SELECT count(*) FROM celeriac.note')) === '0'
      })
    },
    close: async () => {
      vi.useRealTimers()
      await backend.close()
    },
  }
})

/** Every key as it is when so much time has passed. */
const PASS = `
for _, key in ipairs(redis.call('KEYS', '*')) do
  local left = redis.call('PTTL', key)
  if left >= 0 and left <= tonumber(ARGV[1]) then redis.call('DEL', key)
  elseif left >= 0 then redis.call('PEXPIRE', key, string.format('%d', left - ARGV[1])) end
end
for _, id in ipairs(redis.call('ZRANGE', 'celeriac.revoked', 0, -1)) do redis.call('ZINCRBY', 'celeriac.revoked', '-' .. ARGV[1], id) end
`

lifetimeSuite({ describe, it }, 'redis', async (expires) => {
  const server = await RedisServer.start()
  const backend = new StandaloneRedisBackend(server.url(), optionsOf(expires))
  return {
    backend,
    pass: async (ms) => {
      await server.cli('EVAL', PASS, '0', String(ms))
    },
    close: async () => {
      await backend.close()
      await server.stop()
    },
  }
})
