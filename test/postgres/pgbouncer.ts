import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { guard } from '../redis/guard.ts'
import { untilWritten } from '../redis/launch.ts'
import { freePort } from '../redis/server.ts'
import { give, ROLE, runOptions } from './programs.ts'

/** A PgBouncer before a server: a client has a connection of the server for one transaction at a time. */
export interface PgBouncer {
  /** As the URL of the server, through it. */
  through(url: string): string
  stop(): Promise<void>
}

/** `port`: that of the server. */
export async function startPgBouncer(port: number): Promise<PgBouncer> {
  const folder = mkdtempSync(join(tmpdir(), 'celeriac-pgbouncer-'))
  const own = await freePort()
  writeFileSync(join(folder, 'users.txt'), `"${ROLE}" ""\n`)
  writeFileSync(
    join(folder, 'pgbouncer.ini'),
    `[databases]
* = host=127.0.0.1 port=${port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${own}
unix_socket_dir =
auth_type = trust
auth_file = ${join(folder, 'users.txt')}
pool_mode = transaction
default_pool_size = 3
`,
  )
  await give(folder)
  const { env, ...user } = runOptions()
  const child = spawn('pgbouncer', [join(folder, 'pgbouncer.ini')], {
    ...user,
    // Debian has it where ordinary users have no path to.
    env: { ...env, PATH: `${env.PATH}:/usr/sbin` },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  guard(child, { folder })
  await untilWritten(child, 'process up', 'pgbouncer')
  return {
    through: (url) => url.replace(`:${port}/`, `:${own}/`),
    stop: async () => {
      const ended = once(child, 'exit')
      child.kill('SIGKILL')
      await ended
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
