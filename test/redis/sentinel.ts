import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { guard } from './guard.ts'
import type { RedisServer } from './server.ts'

/** A sentinel on this port, which knows the server as the master `main`. */
export async function startSentinel(port: number, master: RedisServer): Promise<ChildProcess> {
  const config = join(master.folder, 'sentinel.conf')
  const settings = [
    `port ${port}`,
    'bind 127.0.0.1',
    `dir ${master.folder}`,
    `sentinel monitor main 127.0.0.1 ${master.port} 1`,
    'sentinel down-after-milliseconds main 500',
    'sentinel failover-timeout main 3000',
  ]
  writeFileSync(config, settings.join('\n'))
  const child = spawn('redis-server', [config, '--sentinel'], { stdio: 'ignore' })
  guard(child)
  await once(child, 'spawn')
  return child
}
