import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { beforeEach, expect, it } from 'vitest'
import { isFull } from '../../tier.ts'
import { eventually } from '../../wait.ts'
import { killSellers } from './sellerKills.ts'
import { useShop } from './shop.ts'
import { SqliteShop } from './sqliteShop.ts'

const FLAGS = ['--conditions=source', '--disable-warning=ExperimentalWarning']
const SELLER = fileURLToPath(new URL('sqliteSeller.ts', import.meta.url))

/** How often both sellers are killed, and how many sales are committed before: as many are rolled back. */
const KILLS = isFull ? 20 : 5
const SALES = isFull ? 250 : 40

const shop = useShop(new SqliteShop())
beforeEach(() => shop.clear())

const seller = (...how: string[]): ChildProcess => fork(SELLER, [shop.path, ...how], { execArgv: FLAGS })

async function packed(count: number): Promise<void> {
  await eventually(
    async () => [shop.packed.length, await shop.waiting()],
    ([length, waiting]) => length === count && waiting === 0,
  )
}

it('a process that is killed before its commit leaves nothing', async () => {
  const [, signal] = await once(seller('before'), 'exit')
  expect(signal).toBe('SIGKILL')
  // Another writes: the lock of the dead process is gone.
  await shop.app.send('pack', ['other'])
  await packed(1)
  expect([shop.packed, await shop.counts()]).toEqual([['other'], [0, 0, 1, 0, 0, 0]])
})

it('the job of a process that is killed after its commit runs', async () => {
  const [, signal] = await once(seller('after'), 'exit')
  expect(signal).toBe('SIGKILL')
  await packed(1)
  expect([shop.packed, await shop.counts()]).toEqual([['killed'], [1, 0, 1, 0, 1, 0]])
})

it('nothing is lost when a caller here closes its database, and another process submits and closes', async () => {
  for (let round = 1; round <= 3; round++) {
    const db = new DatabaseSync(shop.path, { timeout: 10_000 })
    db.prepare('SELECT count(*) FROM purchase').get()
    db.close()
    const [code] = await once(seller('once'), 'exit')
    expect(code).toBe(0)
    await packed(round)
    expect(await shop.count('purchase')).toBe(round)
  }
  expect(shop.db.prepare('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' })
})

it('two processes sell, half is rolled back, and they are killed again and again: each that is committed runs', async () => {
  await killSellers(shop, (first) => seller('always', first), { kills: KILLS, sales: SALES })
  const rows = shop.db.prepare('SELECT name FROM purchase').all() as { name: string }[]
  const sold = rows.map(({ name }) => name).toSorted()
  expect(sold.length).toBeGreaterThan(KILLS * SALES)
  expect(sold.filter((name) => Number(name) % 2 === 1)).toEqual([])
  await packed(sold.length)
  expect((shop.packed as string[]).toSorted()).toEqual(sold)
})
