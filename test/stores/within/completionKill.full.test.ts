import { completionKills } from './completionKills.ts'
import { useShop } from './shop.ts'

const shop = useShop()

completionKills(shop, async () => {
  const { rows } = await shop.pool.query<{ name: string }>('SELECT name FROM purchase')
  return rows.map(({ name }) => name)
})
