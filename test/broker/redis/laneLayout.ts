import assert from 'node:assert/strict'
import type { RedisBroker } from '../../../src/stores/redis/broker/broker.ts'

/** Each lane of the queue with messages is open or blocked by one limit, and every index has it. */
export async function checkLayout(broker: RedisBroker, queue: string): Promise<void> {
  const { connection, keys } = broker
  const lanes = await lanesOf(broker, queue)
  const open = (await connection.command('ZRANGE', `${keys.prefix}celeriac.lanes-open.${queue}`, 0, -1)) as string[]
  const isOpen = ([, value]: Lane): boolean => value.startsWith('00')
  assert.deepEqual(
    [...open].sort(),
    lanes
      .filter(isOpen)
      .map(([digest]) => digest)
      .sort(),
  )
  assert.equal(await connection.command('EXISTS', keys.bell(queue)), open.length > 0 ? 1 : 0, 'the bell')
  let sum = 0
  for (const lane of lanes) sum += await checkLane(broker, queue, lane)
  assert.equal(Number((await connection.command('HGET', keys.lanesWaiting, queue)) ?? 0), sum, 'how many wait in lanes')
}

/** Its digest, and what is known of it. */
type Lane = readonly [digest: string, value: string]

/** Returns how many messages it has. */
async function checkLane({ connection, keys }: RedisBroker, queue: string, [digest, value]: Lane): Promise<number> {
  const name = `celeriac.lane.${digest}.${queue}`
  const lengths = await connection.pipeline(keys.lists(name).map((list) => ['LLEN', list]))
  const length = (lengths as number[]).reduce((all, one) => all + one, 0)
  assert.ok(length > 0, 'a lane without messages')
  const uses = JSON.parse(value.slice(2)) as [string, string, number][]
  for (const [at, [rule, key]] of uses.entries()) {
    const limit = `${keys.prefix}celeriac.limit-`
    const score = await connection.command('ZSCORE', `${limit}blocked.${rule}\0${key}\0${queue}`, digest)
    assert.equal(score !== null, at + 1 === Number(value.slice(0, 2)), 'blocked by the one that it names')
    assert.equal(await connection.command('SISMEMBER', `${limit}lanes.${rule}\0${key}`, name), 1)
  }
  return length
}

async function lanesOf({ connection, keys }: RedisBroker, queue: string): Promise<Lane[]> {
  const fields = (await connection.command('HGETALL', keys.lanes(queue))) as string[]
  return Array.from({ length: fields.length / 2 }, (_, at) => [fields[2 * at] as string, fields[2 * at + 1] as string])
}
