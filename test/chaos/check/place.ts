import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { startProxy, type TcpProxy } from '../../../src/testing/proxy/tcpProxy.ts'
import { PostgresServer } from '../../postgres/server.ts'
import { RabbitServer } from '../../rabbitmq/server.ts'
import { RedisServer } from '../../redis/server.ts'
import type { StoreName } from './plan.ts'

type Server = RedisServer | RabbitServer | PostgresServer

interface Parts {
  readonly folder: string
  readonly direct: string
  readonly backend?: string | undefined
  readonly server?: Server
  readonly results?: RedisServer | undefined
  readonly proxy?: TcpProxy
}

/** The stores of a run: a file, servers of which one is behind a proxy, or the memory of the only process. */
export class Place {
  readonly folder: string
  /** URL of the store itself, and through the proxy. */
  readonly direct: string
  readonly url: string
  readonly backend: string | undefined
  readonly proxy: TcpProxy | undefined
  readonly server: Server | undefined

  /** Server of the results, if they have one of their own. */
  readonly results: RedisServer | undefined

  static async open(store: StoreName): Promise<Place> {
    const folder = mkdtempSync(join(tmpdir(), 'celeriac-check-'))
    const file = `sqlite:${join(folder, 'store.db')}`
    if (store === 'sqlite') return new Place({ folder, direct: file })
    if (store === 'memory') return new Place({ folder, direct: 'memory:' })
    if (store === 'redis') {
      const server = await RedisServer.start({ appendonly: true })
      return new Place({ folder, direct: server.url(), server, proxy: await startProxy({ port: server.port }) })
    }
    if (store === 'postgres') {
      const server = await PostgresServer.start()
      const direct = await server.empty()
      return new Place({ folder, direct, server, proxy: await startProxy({ port: server.port }) })
    }
    const results = store === 'rabbitmq+redis' ? await RedisServer.start({ appendonly: true }) : undefined
    const backend = results?.url() ?? (store === 'rabbitmq+rpc' ? 'rpc://' : file)
    const server = await RabbitServer.start()
    const direct = await server.empty()
    return new Place({ folder, direct, backend, server, results, proxy: await startProxy({ port: server.port }) })
  }

  private constructor({ folder, direct, backend, server, results, proxy }: Parts) {
    this.folder = folder
    this.direct = direct
    this.backend = backend
    this.server = server
    this.results = results
    this.proxy = proxy
    this.url = proxy?.url(direct) ?? direct
  }

  /** Only the process that has called a task reads its result. */
  get callerOnly(): boolean {
    return this.direct === 'memory:' || this.backend === 'rpc://'
  }

  /** False: a process is in the middle of a transaction on the file, and stopping it there would stop all. */
  isQuiet(): boolean {
    const file = [this.direct, this.backend].find((url) => url?.startsWith('sqlite:'))
    if (file === undefined) return true
    const db = new DatabaseSync(file.slice('sqlite:'.length), { timeout: 200 })
    try {
      db.exec('BEGIN IMMEDIATE; ROLLBACK')
      return true
    } catch {
      // The lock is held: that is the question.
      return false
    } finally {
      db.close()
    }
  }

  /** The server ends, as by a power cut or in order, and starts again with its data. */
  async restart(how: 'kill' | 'halt'): Promise<void> {
    if (this.server instanceof RabbitServer) await this.server.restart({ kill: how === 'kill' })
    else if (this.server instanceof PostgresServer && how === 'kill') {
      await this.server.kill()
      await this.server.start()
    } else await this.server?.restart()
  }

  async close(): Promise<void> {
    await this.proxy?.stop()
    await this.server?.stop()
    await this.results?.stop()
    rmSync(this.folder, { recursive: true, force: true })
  }
}
