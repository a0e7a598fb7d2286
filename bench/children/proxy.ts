/*
 * The entry of a child process that stands between a client and the server and holds every piece back for half of the given time,
 * both ways. A timer knows whole milliseconds only, so it sleeps in steps of its own while something is on its way.
 */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

const STEP = 0.05
const { port, latency } = JSON.parse(process.argv[2] ?? '') as { port: number; latency: number }
const cell = new Int32Array(new SharedArrayBuffer(4))
const onTheWay: { readonly due: number; readonly piece: Buffer; readonly to: Socket }[] = []

function deliver(): void {
  for (;;) {
    const now = performance.now()
    const first = onTheWay[0]
    if (!first) return
    if (first.due > now) break
    onTheWay.shift()
    if (first.to.writable) first.to.write(first.piece)
  }
  Atomics.wait(cell, 0, 0, STEP)
  setImmediate(deliver)
}

function pass(from: Socket, to: Socket): void {
  from.setNoDelay(true)
  from.on('data', (piece) => {
    if (latency === 0) to.write(piece)
    else if (onTheWay.push({ due: performance.now() + latency / 2, piece, to }) === 1) setImmediate(deliver)
  })
  from.on('close', () => to.destroy())
  from.on('error', () => to.destroy())
}

const server = createServer((client) => {
  const store = connect(port, '127.0.0.1')
  pass(client, store)
  pass(store, client)
}).listen(0, '127.0.0.1')
await once(server, 'listening')
process.send?.((server.address() as AddressInfo).port)
process.once('disconnect', () => process.exit())
