import { PostgresStore } from './postgres.ts'
import { RabbitmqStore } from './rabbitmq.ts'
import { RedisStore } from './redis.ts'
import { SqliteStore } from './sqlite.ts'
import type { Store } from './store.ts'

/** The stores of a run, each started when it is used for the first time. */
export class Servers {
  readonly sqlite: SqliteStore
  #redis: Promise<RedisStore> | undefined
  #postgres: Promise<PostgresStore> | undefined
  #rabbitmq: Promise<RabbitmqStore> | undefined
  #both: Promise<RabbitmqStore> | undefined

  /** `folder` is for the files of SQLite. */
  constructor(folder: string) {
    this.sqlite = new SqliteStore(folder)
  }

  redis(): Promise<RedisStore> {
    this.#redis ??= RedisStore.start()
    return this.#redis
  }

  postgres(): Promise<PostgresStore> {
    this.#postgres ??= PostgresStore.start()
    return this.#postgres
  }

  /** With results by `rpc://`. */
  rabbitmq(): Promise<RabbitmqStore> {
    this.#rabbitmq ??= RabbitmqStore.start()
    return this.#rabbitmq
  }

  /** With results in Redis. */
  rabbitmqAndRedis(): Promise<RabbitmqStore> {
    this.#both ??= Promise.all([this.rabbitmq(), this.redis()]).then(([rabbitmq, redis]) =>
      rabbitmq.withResultsIn(redis),
    )
    return this.#both
  }

  /** The stores that were used, as `redis-server 7.0.15`. */
  async versions(): Promise<string[]> {
    return (await this.#started()).map(({ version }) => version)
  }

  async stop(): Promise<void> {
    await Promise.all((await this.#started()).map((store) => store.stop()))
  }

  /** A server that could not be started is the problem of those that needed it. */
  async #started(): Promise<Store[]> {
    const all = await Promise.allSettled([this.sqlite, this.#redis, this.#postgres, this.#rabbitmq])
    return all.flatMap((one) => (one.status === 'fulfilled' && one.value ? [one.value] : []))
  }
}
