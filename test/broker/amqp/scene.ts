import { afterAll, afterEach, beforeAll } from 'vitest'
import type { Consumer, Queue } from '../../../src/broker/broker.ts'
import { AmqpBroker, type AmqpOptions } from '../../../src/stores/rabbitmq/broker.ts'
import { startProxy, type TcpProxy } from '../../../src/testing/proxy/tcpProxy.ts'
import { Reader } from '../../../src/testing/reader.ts'
import type { RabbitServer } from '../../rabbitmq/server.ts'

/** A server of a test file's own, or a virtual host, and what its tests open on it. */
export class AmqpScene<Server extends Pick<RabbitServer, 'port' | 'url' | 'stop'>> {
  readonly #stops: (() => unknown)[] = []
  #server: Server | undefined

  /** Call it where tests are defined. `until`: when what was opened is closed; tests that run side by side need `file`. */
  constructor(start: () => Promise<Server>, { until = 'test' }: { until?: 'test' | 'file' } = {}) {
    beforeAll(async () => {
      this.#server = await start()
    }, 90_000)
    const close = async (): Promise<void> => {
      for (const stop of this.#stops.splice(0).reverse()) await stop()
    }
    if (until === 'test') afterEach(close)
    afterAll(async () => {
      await close()
      await this.#server?.stop()
    })
  }

  get server(): Server {
    return this.#server as Server
  }

  /** Do this at the end. The returned function does it now, and not again. */
  after(stop: () => Promise<unknown>): () => Promise<void> {
    this.#stops.push(stop)
    return async () => {
      this.#stops.splice(this.#stops.indexOf(stop), 1)
      await stop()
    }
  }

  /** On the scene's server, unless it is told another URL. */
  open(options?: AmqpOptions, url: string = this.server.url()): AmqpBroker {
    const broker = new AmqpBroker(url, options)
    this.after(() => broker.close())
    return broker
  }

  /** A way to the server that can be spoiled. */
  async proxy(): Promise<{ proxy: TcpProxy; url: string }> {
    const proxy = await startProxy({ port: this.server.port })
    this.after(() => proxy.stop())
    return { proxy, url: proxy.url(this.server.url()) }
  }
}

/** Take from queues, or from one by its name. */
export async function read(
  broker: AmqpBroker,
  queues: string | readonly Queue[],
  prefetch = 10,
): Promise<{ consumer: Consumer; reader: Reader }> {
  const list = typeof queues === 'string' ? [{ name: queues }] : queues
  const consumer = await broker.consume(list, { prefetch, name: 'celery@test' })
  return { consumer, reader: new Reader(consumer) }
}
