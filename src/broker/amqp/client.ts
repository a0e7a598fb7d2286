import type { ChannelModel } from 'amqplib'
import { ConfigError } from '../../std/errors.ts'
import type { AmqpAddress } from './url.ts'

/**
 * Seconds between heartbeats. The server gives a connection up, and its tasks to others, after two without a sign: what blocks the event
 * loop for longer than that loses its messages. Silence of the server is found out much sooner, by `Prober`.
 */
export const HEARTBEAT = 60

/** Opens a connection with amqplib, which is loaded here. Throws ConfigError where it is not installed. */
export async function dial(address: AmqpAddress, name: string, timeout: number): Promise<ChannelModel> {
  const { connect } = await loadClient()
  const { hostname, port, username, password, vhost, tls } = address
  const socket = { ...tls, timeout, noDelay: true, keepAlive: true, clientProperties: { connection_name: name } }
  return connect(
    {
      protocol: tls ? 'amqps' : 'amqp',
      hostname,
      port,
      username,
      password,
      vhost: encodeURIComponent(vhost),
      heartbeat: HEARTBEAT,
    },
    socket,
  )
}

async function loadClient(): Promise<typeof import('amqplib')> {
  try {
    return await import('amqplib')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error
    throw new ConfigError('RabbitMQ: expected the package amqplib to be installed: npm install amqplib', {
      cause: error,
    })
  }
}
