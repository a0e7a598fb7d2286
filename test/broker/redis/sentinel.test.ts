import { expect, test } from 'vitest'
import { connectRedis } from '../../../src/stores/redis/connection/client.ts'
import { until } from '../../../src/testing/kit.ts'
import { startSentinel } from '../../redis/sentinel.ts'
import { freePort, RedisServer } from '../../redis/server.ts'

test('by sentinel: the master of that name, and the next one after a failover', async () => {
  const master = await RedisServer.start()
  const replica = await RedisServer.start({ flags: ['--replicaof', `127.0.0.1 ${master.port}`] })
  // A sentinel looks for replicas when it starts, and then every ten seconds.
  const online = async (): Promise<boolean> => (await master.cli('INFO', 'replication')).includes('state=online')
  await until('online for the master', online, 15_000)
  // It may still be loading what it was sent, and then refuses everything else.
  const linked = async (): Promise<boolean> => (await replica.cli('INFO', 'replication')).includes('link_status:up')
  await until('done with it', linked, 15_000)
  const port = await freePort()
  const sentinel = await startSentinel(port, master)
  const redis = connectRedis(`sentinel://127.0.0.1:${await freePort()};sentinel://127.0.0.1:${port}/1?master_name=main`)
  try {
    expect(await redis.command('SET', 'a', '1')).toBe('OK')
    expect(await master.cli('-n', '1', 'GET', 'a')).toBe('1')
    await until('replicated', async () => (await replica.cli('-n', '1', 'GET', 'a')) === '1')
    const replicas = ['-p', String(port), 'SENTINEL', 'REPLICAS', 'main']
    const known = async (): Promise<boolean> => (await master.cli(...replicas)).includes('master-link-status\nok')
    await until('known to the sentinel', known, 25_000)
    await master.kill()
    await until('the replica is master', async () => (await replica.cli('ROLE')).startsWith('master'), 15_000)
    // The sentinel names the new master a little later than the replica becomes it.
    const named = async (): Promise<boolean> =>
      (await replica.cli('-p', String(port), 'SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'main')).includes(
        String(replica.port),
      )
    await until('named by the sentinel', named, 15_000)
    await until('works again', () => redis.problem === undefined, 15_000)
    expect(await redis.command('INCR', 'a')).toBe(2)
    expect(await replica.cli('-n', '1', 'GET', 'a')).toBe('2')
  } finally {
    await redis.close()
    sentinel.kill('SIGKILL')
    await replica.stop()
    await master.stop()
  }
})
