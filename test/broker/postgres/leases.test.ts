import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { LeaseKeeper } from '../../../src/stores/postgres/broker/leaseKeeper.ts'
import { end, renew } from '../../../src/stores/postgres/broker/leases.ts'
import { queueChannel } from '../../../src/stores/postgres/connection/listening.ts'
import { PostgresServer } from '../../postgres/server.ts'
import { emptyPostgres } from '../../postgres/shared.ts'
import { eventually } from '../../wait.ts'
import { Child } from '../sqlite/child.ts'
import { Tables } from './tables.ts'

const LEASE = 1000
/** More than one window of rows. */
const MANY = 450

const times = (count: number, text: string): string[] => Array.from({ length: count }, () => text)

/** A process of its own that holds these messages. */
async function holder(tables: Tables, seqs: readonly number[], lease = LEASE): Promise<Child> {
  const child = new Child('postgresHolder.ts', [tables.url, lease, seqs.join()])
  tables.atEnd(() => child.kill())
  await child.says('held')
  return child
}

/** A session of this process, which rescues: it has a consumer, and is not new. */
async function rescuer(tables: Tables, lease = LEASE) {
  const session = tables.session(lease)
  await session.open()
  const consumer = await tables.hold([], lease)
  let lost = false
  session.add(consumer, () => {
    lost = true
  })
  return { session, isLost: () => lost }
}

/** Bind a transient queue, and send it messages. */
async function transient(tables: Tables, queue: string, consumer: number, count: number): Promise<void> {
  await tables.sql(
    `INSERT INTO celeriac.binding (exchange, queue, consumer) VALUES ('', $1, $2), ('news', $1, $2)`,
    queue,
    consumer,
  )
  await tables.send(queue, count)
}

const left = (tables: Tables) =>
  tables.sql(`SELECT (SELECT count(*) FROM celeriac.message), (SELECT count(*) FROM celeriac.claim),
    (SELECT count(*) FROM celeriac.binding), (SELECT count(*) FROM celeriac.consumer)`)

describe('a consumer', () => {
  test.concurrent('that ends returns what it holds, not as lost, and its transient queues are dropped', async ({
    onTestFinished,
  }) => {
    const tables = await Tables.open(await emptyPostgres(), onTestFinished)
    const heard: (string | undefined)[] = []
    await tables.session(LEASE).on(queueChannel('celeriac', 'q'), (payload) => heard.push(payload))
    const seqs = await tables.send('q', MANY + 2)
    const consumer = await tables.hold(seqs.slice(1, -1), LEASE)
    const other = await tables.hold(seqs.slice(-1), LEASE)
    await transient(tables, 'replies', consumer, MANY)
    await transient(tables, 'others', other, 1)
    await end(tables.database, [consumer])
    expect(await tables.messages()).toEqual(['0 0 f', ...times(MANY, '1 0 f'), '0 0 t', '0 0 f'])
    expect(await left(tables)).toEqual([[String(MANY + 3), '1', '2', '1']])
    await eventually(
      async () => heard.length,
      (count) => count > 0,
      5000,
    )
    expect(new Set(heard)).toEqual(new Set(['']))
  })

  test.concurrent('that is dead: what it held returns as lost, and its transient queues are dropped', async ({
    onTestFinished,
  }) => {
    const tables = await Tables.open(await emptyPostgres(), onTestFinished)
    const heard: (string | undefined)[] = []
    const { session, isLost } = await rescuer(tables)
    await session.on(queueChannel('celeriac', 'q'), (payload) => heard.push(payload))
    const seqs = await tables.send('q', MANY)
    const dead = await tables.hold(seqs, 100)
    await transient(tables, 'replies', dead, MANY)
    await eventually(
      () => left(tables),
      ([row]) => row?.join() === `${MANY},0,0,1`,
      10_000,
    )
    expect(await tables.messages()).toEqual(times(MANY, '1 1 f'))
    await eventually(
      async () => heard.length,
      (count) => count > 0,
      5000,
    )
    // A transaction that began before commits a claim now.
    await tables.sql('INSERT INTO celeriac.claim (seq, consumer, fence) VALUES ($1, $2, 0)', seqs[0] ?? 0, dead)
    await eventually(
      () => tables.messages(),
      ([first]) => first === '2 2 f',
      3000,
    )
    expect(isLost()).toBe(false)
  })

  test.concurrent('of a process that was killed: its messages return within a lease and a round', async ({
    onTestFinished,
  }) => {
    const tables = await Tables.open(await emptyPostgres(), onTestFinished)
    await rescuer(tables)
    const child = await holder(tables, await tables.send('q', 2))
    await sleep(LEASE)
    const killed = performance.now()
    await child.kill()
    await eventually(
      () => tables.messages(),
      (all) => all.join() === '1 1 f,1 1 f',
      10_000,
    )
    expect(performance.now() - killed).toBeLessThan(1.25 * LEASE + 1000)
  })

  test.concurrent('of a process that was stopped: it knows when it goes on', async ({ onTestFinished }) => {
    const tables = await Tables.open(await emptyPostgres(), onTestFinished)
    const { isLost } = await rescuer(tables)
    const child = await holder(tables, await tables.send('q', 1))
    child.process.kill('SIGSTOP')
    await eventually(
      () => tables.messages(),
      (all) => all.join() === '1 1 f',
      10_000,
    )
    child.process.kill('SIGCONT')
    expect(await child.says('lost')).toBe(await child.says('held'))
    expect(isLost()).toBe(false)
  })

  test.concurrent('that lives keeps its lease while its event loop is blocked for longer', async ({
    onTestFinished,
  }) => {
    const tables = await Tables.open(await emptyPostgres(), onTestFinished)
    await rescuer(tables)
    const child = await holder(tables, await tables.send('q', 1))
    child.tell({ block: 2.5 * LEASE })
    await child.says('blocked')
    expect(await tables.messages()).toEqual(['0 0 t'])
    expect(child.said.some((message) => 'lost' in message)).toBe(false)
  })

  test.concurrent('is not declared dead after an outage before it could renew its lease', async ({
    onTestFinished,
  }) => {
    const tables = await Tables.open(await emptyPostgres(), onTestFinished)
    const keeper = new LeaseKeeper(LEASE)
    const [own, living, dead] = [
      await tables.hold([], LEASE),
      await tables.hold([], LEASE),
      await tables.hold([], LEASE),
    ]
    const left = async (): Promise<number[]> =>
      (await tables.sql('SELECT id FROM celeriac.consumer ORDER BY id')).map(([id]) => Number(id))
    const outage = `UPDATE celeriac.consumer SET lease_until = now() - interval '1 s'`
    keeper.add(own)
    // It is new, and its own lease was over.
    for (const over of [`${outage} WHERE id <> ${own}`, outage]) {
      await tables.sql(over)
      expect(await keeper.round(tables.database)).toEqual([])
      expect(await left()).toEqual([own, living, dead])
    }
    await renew(tables.database, [living])
    await eventually(
      async () => {
        await keeper.round(tables.database)
        return left()
      },
      (ids) => !ids.includes(dead),
      5000,
    )
    expect(await left()).toEqual([own, living])
  })

  test.concurrent('that lives keeps its messages when the server stood still for longer than the lease; dead ones are found after it', async ({
    onTestFinished,
  }) => {
    const server = await PostgresServer.start()
    onTestFinished(() => server.stop())
    const tables = await Tables.open(await server.empty(), onTestFinished)
    const seqs = await tables.send('q', 4)
    const children = await Promise.all(seqs.slice(0, 3).map((seq) => holder(tables, [seq], 2 * LEASE)))
    await tables.hold(seqs.slice(3), 2 * LEASE)
    await sleep(LEASE / 2)
    await server.freeze()
    await sleep(3 * LEASE)
    server.resume()
    await eventually(
      () => tables.messages(),
      (all) => all[3] === '1 1 f',
      10_000,
    )
    await sleep(LEASE)
    expect(await tables.messages()).toEqual([...times(3, '0 0 t'), '1 1 f'])
    expect(children.flatMap(({ said }) => said.filter((message) => 'lost' in message))).toEqual([])
  })
})
