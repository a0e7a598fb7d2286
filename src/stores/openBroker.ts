import type { Broker } from '../broker/broker.ts'
import type { QueueOptions } from '../broker/queueOptions.ts'
import { AMQP_SCHEMES, REDIS_SCHEMES } from '../broker/schemes.ts'
import { ConfigError } from '../std/errors.ts'
import { redactUrl, schemeOf } from '../std/url.ts'

export interface BrokerOptions {
  /** How long a silent consumer keeps what it holds, ms. */
  readonly lease: number
  /** Redis: kombu's `global_keyprefix`. */
  readonly keyPrefix?: string
  /** Redis: kombu's `visibility_timeout`, ms. */
  readonly visibilityTimeout?: number
  /** How long a call waits for a store that is away or busy, ms. */
  readonly storeTimeout?: number
  /** RabbitMQ: how task queues are made, by name. */
  readonly queues?: Readonly<Record<string, QueueOptions>>
  /** Told of settings of the server by which tasks could be lost. */
  readonly warn?: (message: string) => void
}

/** The broker of a URL. Each store's code is loaded when its URL is used. Throws ConfigError for a scheme that nobody knows. */
export async function openBroker(url: string, options: BrokerOptions): Promise<Broker> {
  const scheme = schemeOf(url)
  if (REDIS_SCHEMES.has(scheme)) {
    const { RedisBroker } = await import('./redis/broker/broker.ts')
    return new RedisBroker(url, options)
  }
  if (AMQP_SCHEMES.has(scheme)) {
    const { AmqpBroker } = await import('./rabbitmq/broker.ts')
    return new AmqpBroker(url, options)
  }
  switch (scheme) {
    case 'sqlite': {
      const { SqliteBroker } = await import('./sqlite/broker/broker.ts')
      return new SqliteBroker(url, options)
    }
    case 'memory': {
      const { MemoryBroker } = await import('./memory/broker.ts')
      return new MemoryBroker()
    }
    default:
      throw new ConfigError(`broker: expected a URL of sqlite:, redis:, amqp: or memory:, got ${redactUrl(url)}`)
  }
}
