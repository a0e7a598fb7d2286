import { readFileSync } from 'node:fs'
import type { RabbitServer } from '../../test/rabbitmq/server.ts'
import type { Server } from '../redis/server.ts'

/** Clock ticks a second, as Linux tells processor time. */
const TICKS = 100

/** Where a measurement takes place: a virtual host of its own, and an empty Redis. */
export class Place {
  readonly redis: Server
  readonly #rabbit: RabbitServer
  #url = ''

  constructor(rabbit: RabbitServer, redis: Server) {
    this.#rabbit = rabbit
    this.redis = redis
  }

  get url(): string {
    return this.#url
  }

  /** Nothing is left of what was measured before. */
  async empty(): Promise<void> {
    await this.redis.empty()
    if (this.#url) await this.#rabbit.ctl('delete_vhost', this.#vhost)
    this.#url = await this.#rabbit.empty()
  }

  /** Messages by queue, those that are held included. Takes about a second. */
  async messages(): Promise<ReadonlyMap<string, number>> {
    const lines = await this.#rabbit.ctl('list_queues', '-p', this.#vhost, '--no-table-headers', 'name', 'messages')
    const rows = lines.split('\n').map((line) => line.split('\t') as [string, string])
    return new Map(rows.map(([name, count]) => [name, Number(count)]))
  }

  /** Processor time of the RabbitMQ node until now, s. */
  cpu(): number {
    const fields = readFileSync(`/proc/${this.#rabbit.pid}/stat`, 'utf8').split(')').pop()?.split(' ') ?? []
    return (Number(fields[12]) + Number(fields[13])) / TICKS
  }

  get #vhost(): string {
    return decodeURIComponent(new URL(this.#url).pathname.slice(1))
  }
}
