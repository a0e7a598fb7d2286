import type { ChannelModel } from 'amqplib'
import { ConfigError } from '../../../std/errors.ts'
import type { AmqpAddress } from '../url.ts'
import { openingError } from './connectError.ts'
import { relay } from './relay.ts'

/**
 * Seconds between heartbeats. The server closes a connection after two without a sign of life, and gives its messages
 * to others; this is why the connections of consumers are relayed. `LivenessProbe` notices much sooner that the server
 * is silent.
 */
export const HEARTBEAT_S = 60

/**
 * Opens a connection with amqplib, which is loaded here. Rejects with ConfigError where it is not installed, and where
 * the server refuses user or virtual host.
 */
export async function dial(address: AmqpAddress, name: string, timeout: number): Promise<ChannelModel> {
  const socket = { ...address.tls, timeout, noDelay: true, keepAlive: true }
  try {
    return await connect(address, address.tls ? 'amqps' : 'amqp', socket, name)
  } catch (error) {
    throw await openingError(error as Error, address, timeout)
  }
}

/** The same through a thread that keeps the connection alive while the event loop is blocked. */
export async function dialRelayed(address: AmqpAddress, name: string, timeout: number): Promise<ChannelModel> {
  await loadClient()
  try {
    const path = await relay.open(address, timeout)
    return await connect(address, 'amqp', { path, timeout }, name)
  } catch (error) {
    throw await openingError(error as Error, address, timeout)
  }
}

async function connect(
  { hostname, port, username, password, vhost, heartbeat = HEARTBEAT_S }: AmqpAddress,
  protocol: 'amqp' | 'amqps',
  socket: object,
  name: string,
): Promise<ChannelModel> {
  const client = await loadClient()
  const server = { protocol, hostname, port, username, password, vhost: encodeURIComponent(vhost) }
  return client.connect({ ...server, heartbeat }, { ...socket, clientProperties: { connection_name: name } })
}

async function loadClient(): Promise<typeof import('amqplib')> {
  try {
    return await import('amqplib')
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    // If a package that amqplib needs is missing, that is another problem.
    if (code !== 'ERR_MODULE_NOT_FOUND' || !/['"]amqplib['"]/.test(message)) throw error
    throw new ConfigError('RabbitMQ: expected the package amqplib to be installed: npm install amqplib', {
      cause: error,
    })
  }
}
