import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { beforeEach, expect, it } from 'vitest'
import { eventually } from '../../wait.ts'
import { killSellers } from './sellerKills.ts'
import { useShop } from './shop.ts'

const FLAGS = ['--conditions=source', '--disable-warning=ExperimentalWarning']
const SELLER = fileURLToPath(new URL('seller.ts', import.meta.url))

/** How often both sellers are killed, and how many sales are committed before: as many are rolled back. */
const KILLS = 20
const SALES = 250

const shop = useShop()
beforeEach(() => shop.clear())

it('two processes sell, half is rolled back, and they are killed again and again: each that is committed runs', async () => {
  const start = (first: string): ChildProcess => fork(SELLER, [shop.url, 'always', first], { execArgv: FLAGS })
  await killSellers(shop, start, { kills: KILLS, sales: SALES })
  const { rows } = await shop.pool.query<{ name: string }>('SELECT name FROM purchase')
  const sold = rows.map(({ name }) => name).toSorted()
  expect(sold.length).toBeGreaterThan(KILLS * SALES)
  expect(sold.filter((name) => Number(name) % 2 === 1)).toEqual([])
  await eventually(
    async () => [shop.packed.length, await shop.waiting()],
    ([length, waiting]) => length === sold.length && waiting === 0,
  )
  expect((shop.packed as string[]).toSorted()).toEqual(sold)
}, 600_000)
