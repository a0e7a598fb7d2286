import { afterAll, beforeAll, describe, expect, it, test } from 'vitest'
import { App } from '../../src/app/app.ts'
import { createLogger } from '../../src/std/log.ts'
import { MemoryScheduleStore } from '../../src/stores/memory/schedule.ts'
import { PostgresScheduleStore } from '../../src/stores/postgres/schedule.ts'
import { schedulerSuite } from '../../src/testing/suites/schedulerSuite.ts'
import { storesOf } from '../app/stores.ts'
import { Folder } from '../broker/sqlite/folder.ts'
import { emptySchema } from '../postgres/shared.ts'
import { openDatabase, PlainListening } from '../postgres/standalone.ts'
import { RedisServer } from '../redis/server.ts'

const kit = { describe, it }
const owner = { name: 'shop', keyPrefix: '' }

async function opened(broker: string, backend = broker, own = owner) {
  const app = new App({ broker, backend, ...own, logger: createLogger('silent') })
  const store = await (await storesOf(app)).schedule(own.name)
  return { store, close: () => app.close() }
}

schedulerSuite(kit, 'memory', async () => ({ store: new MemoryScheduleStore(), close: async () => undefined }))

for (const [name, broker] of [
  ['the broker', undefined],
  ['the result backend', 'rpc'],
] as const) {
  schedulerSuite(kit, `sqlite, in the file of ${name}`, async () => {
    const folder = new Folder()
    const url = folder.url()
    const open = () => (broker ? openedBeside(url) : opened(url))
    const { store, close } = await open()
    return { store, second: open, close: () => close().then(() => folder.remove()) }
  })
}

/** With a broker that keeps no schedule, as RabbitMQ is. */
async function openedBeside(url: string) {
  const app = new App({ broker: 'amqp://host', backend: url, logger: createLogger('silent') })
  const store = await (await storesOf(app)).schedule(owner.name)
  return { store, close: () => app.close() }
}

schedulerSuite(kit, 'postgres', async () => {
  const url = await emptySchema()
  const open = async () => {
    const [database, listening] = [openDatabase(url), new PlainListening(url)]
    const close = async () => {
      await listening.close()
      await database.close()
    }
    return { store: new PostgresScheduleStore(database, listening, owner.name), close }
  }
  return { ...(await open()), second: open }
})

describe('on Redis', () => {
  let server: RedisServer
  beforeAll(async () => {
    server = await RedisServer.start({ flags: ['--save', '900 1'] })
  })
  afterAll(() => server.stop())

  schedulerSuite(kit, 'redis, on the connection of the broker', async () => {
    await server.cli('FLUSHALL')
    return { ...(await opened(server.url())), second: () => opened(server.url()) }
  })

  schedulerSuite(kit, 'redis, on the connection of the result backend', async () => {
    await server.cli('FLUSHALL')
    return { ...(await openedBeside(server.url())), second: () => openedBeside(server.url()) }
  })

  test('apps and key prefixes have a schedule each', async () => {
    await server.cli('FLUSHALL')
    const all = await Promise.all([
      opened(server.url()),
      opened(server.url(), server.url(), { name: 'other', keyPrefix: '' }),
      opened(server.url(), server.url(), { name: 'shop', keyPrefix: 'x:' }),
    ])
    await all[0].store.swap([{ name: 'a', from: undefined, to: { text: 'a', due: 1, waiting: false } }])
    const counts = await Promise.all(all.map(async ({ store }) => (await store.list()).length))
    expect(counts).toEqual([1, 0, 0])
    expect(await server.cli('KEYS', '*schedule*')).toContain('celeriac.schedule.shop.entries')
    for (const { close } of all) await close()
  })
})

test('stores that can keep no schedule are a ConfigError that names them', async () => {
  const app = new App({ broker: 'amqp://host', backend: 'rpc://', logger: createLogger('silent') })
  await expect((await storesOf(app)).schedule('shop')).rejects.toThrow(
    /^a schedule needs a broker or result backend that can keep it: .*amqp:\/\/host and rpc:\/\//,
  )
})
