import type { StoreDriver } from '../store.ts'
import { AmqpBroker } from './broker.ts'

/** One virtual host of RabbitMQ: it keeps messages alone. */
export const rabbitmqStore: StoreDriver = {
  open: (url, options) => {
    const broker = new AmqpBroker(url, options)
    return { broker, close: () => broker.close() }
  },
}
