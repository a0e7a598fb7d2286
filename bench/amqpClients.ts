import amqplib from 'amqplib'
import { Connection } from 'rabbitmq-client'
import { RabbitServer } from '../test/rabbitmq/server.ts'
import { callMany } from './children/calls.ts'

/*
 * Which client library: amqplib or rabbitmq-client. The same work by each on one rabbitmq-server of its own, in turn, and what each does
 * when the server is started anew in the middle. `npm run bench:amqp-clients`.
 */

const COUNT = Number(process.env.COUNT ?? 30_000)
const IN_FLIGHT = 1000
const ROUNDS = 3
const body = Buffer.alloc(300, 0x61)

/** What is compared: messages a second for each kind of work. */
interface Client {
  readonly name: string
  publish(url: string, queue: string): Promise<number>
  consume(url: string, queue: string, prefetch: number): Promise<number>
}

/** Messages a second, with so many under way at once. */
async function rateOf(send: () => Promise<void>): Promise<number> {
  const start = performance.now()
  await callMany(COUNT, IN_FLIGHT, send)
  return (COUNT / (performance.now() - start)) * 1000
}

/** Messages a second, from the beginning of `consume` to the last that it has heard. */
async function heardRate(consume: (hear: () => void) => Promise<unknown>): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const start = performance.now()
  let seen = 0
  await consume(() => {
    if (++seen === COUNT) resolve()
  })
  await promise
  return (COUNT / (performance.now() - start)) * 1000
}

const amqp: Client = {
  name: 'amqplib',
  async publish(url, queue) {
    const connection = await amqplib.connect(url)
    const channel = await connection.createConfirmChannel()
    await channel.assertQueue(queue, { durable: true })
    const rate = await rateOf(
      () =>
        new Promise((resolve, reject) => {
          const options = { persistent: true, contentType: 'application/json', headers: { task: 'bench', id: queue } }
          channel.sendToQueue(queue, body, options, (error) => (error ? reject(error) : resolve()))
        }),
    )
    await connection.close()
    return rate
  },
  async consume(url, queue, prefetch) {
    const connection = await amqplib.connect(url)
    const channel = await connection.createChannel()
    await channel.prefetch(prefetch)
    const rate = await heardRate((hear) =>
      channel.consume(queue, (message) => {
        if (!message) return
        channel.ack(message)
        hear()
      }),
    )
    await channel.close()
    await connection.close()
    return rate
  },
}

const rabbit: Client = {
  name: 'rabbitmq-client',
  async publish(url, queue) {
    const connection = new Connection(url)
    const channel = await connection.acquire()
    await channel.queueDeclare({ queue, durable: true })
    await channel.confirmSelect()
    const rate = await rateOf(() =>
      channel.basicPublish(
        { routingKey: queue, durable: true, contentType: 'application/json', headers: { task: 'bench', id: queue } },
        body,
      ),
    )
    await channel.close()
    await connection.close()
    return rate
  },
  async consume(url, queue, prefetch) {
    const connection = new Connection(url)
    const channel = await connection.acquire()
    await channel.basicQos({ prefetchCount: prefetch })
    const rate = await heardRate((hear) =>
      channel.basicConsume({ queue }, (message) => {
        channel.basicAck({ deliveryTag: message.deliveryTag })
        hear()
      }),
    )
    await channel.close()
    await connection.close()
    return rate
  },
}

async function compare(url: string): Promise<void> {
  const rates = new Map<string, number[]>()
  const note = (what: string, rate: number): void => void rates.set(what, [...(rates.get(what) ?? []), rate])
  for (let round = 0; round < ROUNDS; round++) {
    for (const client of [amqp, rabbit]) {
      for (const prefetch of [100, 400]) {
        const queue = `bench-${client.name}-${prefetch}`
        note(`${client.name}: confirmed publish, ${IN_FLIGHT} under way`, await client.publish(url, queue))
        note(`${client.name}: consume and ack, prefetch ${prefetch}`, await client.consume(url, queue, prefetch))
      }
    }
  }
  for (const [what, all] of rates) {
    const sorted = [...all].sort((a, b) => a - b)
    console.log(`${what}: ${Math.round(sorted[Math.floor(sorted.length / 2)] as number)} a second`)
  }
}

/** What each tells, and when, of a server that is started anew under an open channel with publishes under way. */
async function recover(server: RabbitServer): Promise<void> {
  const start = performance.now()
  const say = (who: string, what: string): void =>
    console.log(`${who}: ${Math.round(performance.now() - start)} ms: ${what}`)
  const old = await amqplib.connect(server.url())
  old.on('error', (error) => say('amqplib', `error: ${error.message}`))
  old.on('close', () => say('amqplib', 'closed; nothing more comes of itself'))
  const channel = await old.createConfirmChannel()
  channel.on('error', () => undefined)
  await channel.assertQueue('restart', { durable: true })
  const own = new Connection(server.url())
  own.on('error', (error) => say('rabbitmq-client', `error: ${String(error)}`))
  own.on('connection', () => say('rabbitmq-client', 'connected'))
  const publisher = own.createPublisher({ confirm: true, maxAttempts: 2 })
  await publisher.send('restart', body)
  const lanes = [
    (async () => {
      for (;;) {
        await new Promise<void>((resolve, reject) => {
          channel.sendToQueue('restart', body, {}, (error) => (error ? reject(error) : resolve()))
        })
      }
    })().catch((error: Error) => say('amqplib', `publish rejects: ${error.message}`)),
    (async () => {
      while (performance.now() - start < 20_000) {
        await publisher
          .send('restart', body)
          .catch((error: Error) => say('rabbitmq-client', `publish rejects: ${error.message}`))
      }
    })(),
  ]
  setTimeout(() => void server.restart({ kill: true }).then(() => say('server', 'is back')), 1000)
  await Promise.all(lanes)
  await publisher.close()
  await own.close()
}

const server = await RabbitServer.start()
try {
  await compare(server.url())
  await recover(server)
} finally {
  await server.stop()
}
