import { createServer, connect as openTcp, type Socket } from 'node:net'
import { connect as openTls } from 'node:tls'
import { parentPort } from 'node:worker_threads'
import { FrameSplitter } from './frameSplitter.ts'
import type { RelayAnswer, RelayRequest } from './relay.ts'

/* The thread of `Relay`. */

const port = parentPort as NonNullable<typeof parentPort>
const HEARTBEAT_FRAME = Buffer.from([8, 0, 0, 0, 0, 0, 0, 206])
/**
 * How many bytes may wait for a blocked event loop. The prefetch count keeps it below; above it the server has to wait,
 * and closes the connection in the end.
 */
const MAX_WAITING_BYTES = 128 * 1024 * 1024

port.on('message', (request: RelayRequest) => {
  const { path } = request
  open(request).then(
    (server) => listen(path, server),
    (error: NodeJS.ErrnoException) => refuse(path, error),
  )
})

function refuse(path: string, { message, code }: NodeJS.ErrnoException): void {
  port.postMessage({ path, problem: { message, code } } satisfies RelayAnswer)
}

function open({ hostname: host, port: at, tls, timeout }: RelayRequest): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket: Socket = tls ? openTls({ ...tls, host, port: at }, connected) : openTcp({ host, port: at }, connected)
    const late = setTimeout(() => socket.destroy(new Error('connect ETIMEDOUT')), timeout)
    socket.once('error', failed)
    function connected(): void {
      clearTimeout(late)
      socket.removeListener('error', failed)
      resolve(socket.setNoDelay(true).setKeepAlive(true))
    }
    function failed(error: Error): void {
      clearTimeout(late)
      reject(error)
    }
  })
}

/** Accept one connection, and relay its bytes. */
function listen(path: string, server: Socket): void {
  const entrance = createServer((client) => {
    entrance.close()
    carry(client, server)
  })
  // No connection came: the server has disconnected, or this process has reported an error.
  server.once('close', () => entrance.close())
  server.on('error', () => undefined)
  entrance.once('error', (error) => {
    server.destroy()
    refuse(path, error)
  })
  entrance.listen(path, () => port.postMessage({ path } satisfies RelayAnswer))
}

/**
 * Bytes from the server as they arrive; to the server complete frames only, so that a heartbeat is always between two
 * frames.
 */
function carry(client: Socket, server: Socket): void {
  const frames = new FrameSplitter()
  let beating: NodeJS.Timeout | undefined
  let sent = false
  let silent = 0

  server.on('data', (chunk) => {
    silent = 0
    client.write(chunk)
    if (client.writableLength > MAX_WAITING_BYTES) server.pause()
  })
  client.on('drain', () => server.resume())
  client.on('data', (chunk) => {
    const whole = frames.take(chunk)
    if (whole.length === 0) return
    sent = true
    if (!server.write(whole)) client.pause()
    if (frames.heartbeat > 0 && !beating) beating = setInterval(beat, frames.heartbeat * 500)
  })
  server.on('drain', () => client.resume())

  /**
   * Twice in the negotiated time: send a heartbeat if nothing else was sent, and check that the server sends something.
   */
  function beat(): void {
    if (!sent) server.write(HEARTBEAT_FRAME)
    sent = false
    if (!server.isPaused() && ++silent > 5) server.destroy()
  }

  server.on('end', () => client.end())
  client.on('end', () => server.end())
  client.on('error', () => undefined)
  server.on('close', () => {
    clearInterval(beating)
    client.end()
  })
  client.on('close', () => server.destroy())
}
