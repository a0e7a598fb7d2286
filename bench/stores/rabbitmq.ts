import { RabbitServer } from '../../test/rabbitmq/server.ts'
import { cpuOf } from '../harness/processes.ts'
import type { Figures } from '../harness/scenario.ts'
import type { RedisStore } from './redis.ts'
import type { Address, Store } from './store.ts'

/** Messages that a client published, that the server delivered, and that a client acknowledged. */
const OPERATIONS = /messages_(?:received|delivered|acknowledged)_total => (\d+)/g

/** As `{<<"celery">>,12}`. */
const QUEUES = /\{<<"([^"]*)">>,\s*(\d+)\}/g

/** A rabbitmq-server node of our own with one scheduler, a virtual host for each run, and a Redis for results. */
export class RabbitmqStore implements Store {
  readonly version: string
  readonly #rabbit: RabbitServer
  readonly #redis: RedisStore | undefined
  #runs = 0
  /** Messages by queue, when the counters were read. */
  #queues: ReadonlyMap<string, number> = new Map()

  private constructor(rabbit: RabbitServer, version: string, redis?: RedisStore) {
    this.#rabbit = rabbit
    this.version = version
    this.#redis = redis
  }

  static async start(): Promise<RabbitmqStore> {
    const rabbit = await RabbitServer.start()
    return new RabbitmqStore(rabbit, `rabbitmq-server ${await rabbit.ctl('version')}`)
  }

  /** The same, with results in Redis instead of `rpc://`. */
  withResultsIn(redis: RedisStore): RabbitmqStore {
    return new RabbitmqStore(this.#rabbit, this.version, redis)
  }

  get pid(): number {
    return this.#rabbit.pid
  }

  async empty(): Promise<Address> {
    const old = this.#vhost
    this.#runs++
    // In one call: each takes a second.
    await this.#rabbit.ctl(
      'eval',
      `begin catch rabbit_vhost:delete(<<"${old}">>, <<"bench">>), ok = rabbit_vhost:add(<<"${this.#vhost}">>, <<"bench">>),
        ok = rabbit_auth_backend_internal:set_permissions(<<"guest">>, <<"${this.#vhost}">>,
          <<".*">>, <<".*">>, <<".*">>, <<"bench">>) end.`,
    )
    const backend = (await this.#redis?.empty())?.url ?? 'rpc://'
    return { url: this.#rabbit.url(this.#vhost), backend }
  }

  async cpu(): Promise<number> {
    return cpuOf(this.pid)
  }

  async counters(): Promise<Figures> {
    // In one call: each takes a second.
    const text = await this.#rabbit.ctl(
      'eval',
      `{rabbit_global_counters:overview(), [{element(4, proplists:get_value(name, Q)), proplists:get_value(messages, Q)}
        || Q <- rabbit_amqqueue:info_all(<<"${this.#vhost}">>, [name, messages])]}.`,
    )
    const operations = [...text.matchAll(OPERATIONS)].reduce((sum, [, count]) => sum + Number(count), 0)
    this.#queues = new Map([...text.matchAll(QUEUES)].map(([, name = '', count]) => [name, Number(count)]))
    return { operations }
  }

  /** Messages of a queue when the counters were read, those that are held included. */
  async messages(queue: string): Promise<number> {
    return this.#queues.get(queue) ?? 0
  }

  /** Results of tasks that have ended: records in Redis, or replies in the other queues. */
  async results(queue: string): Promise<number> {
    if (this.#redis) return this.#redis.matching('celery-task-meta-*', 'SUCCESS')
    return [...this.#queues].reduce((sum, [name, count]) => sum + (name === queue ? 0 : count), 0)
  }

  async stop(): Promise<void> {
    await this.#rabbit.stop()
  }

  get #vhost(): string {
    return `bench-${this.#redis ? 'redis' : 'rpc'}-${this.#runs}`
  }
}
