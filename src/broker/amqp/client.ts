import type { ChannelModel } from 'amqplib'
import { ConfigError } from '../../std/errors.ts'
import { relay } from './relay.ts'
import type { AmqpAddress } from './url.ts'

/**
 * Seconds between heartbeats. The server gives a connection up after two without a sign, and what it held to others; consumers are relayed
 * for that reason. Silence of the server is found out much sooner, by `Prober`.
 */
export const HEARTBEAT = 60

/** Opens a connection with amqplib, which is loaded here. Throws ConfigError where it is not installed. */
export async function dial(address: AmqpAddress, name: string, timeout: number): Promise<ChannelModel> {
  const { tls, ...server } = address
  const socket = { ...tls, timeout, noDelay: true, keepAlive: true }
  return connect({ ...server, protocol: tls ? 'amqps' : 'amqp' }, socket, name)
}

/** The same through a thread that keeps the connection alive while the event loop is blocked. */
export async function dialRelayed(address: AmqpAddress, name: string, timeout: number): Promise<ChannelModel> {
  await loadClient()
  const path = await relay.open(address, timeout)
  return connect({ ...address, protocol: 'amqp' }, { path, timeout }, name)
}

async function connect(
  { protocol, hostname, port, username, password, vhost }: Omit<AmqpAddress, 'tls'> & { readonly protocol: string },
  socket: object,
  name: string,
): Promise<ChannelModel> {
  const client = await loadClient()
  const opening = client.connect(
    {
      protocol,
      hostname,
      port,
      username,
      password,
      vhost: encodeURIComponent(vhost),
      heartbeat: HEARTBEAT,
    },
    { ...socket, clientProperties: { connection_name: name } },
  )
  return opening.catch((error: Error) => {
    throw NOT_OPENED.test(error.message) ? noVhost(vhost, error) : error
  })
}

/** The server refuses the virtual host; the client library keeps its reason to itself. */
const NOT_OPENED = /Expected ConnectionOpenOk; got <ConnectionClose/

function noVhost(vhost: string, cause: Error): Error {
  const expected = 'expected a virtual host that is there and open to this user'
  return new Error(`${expected}, got ${JSON.stringify(vhost)} (rabbitmqctl add_vhost, set_permissions)`, { cause })
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
