import { completionKills } from './completionKills.ts'
import { useShop } from './shop.ts'
import { SqliteShop } from './sqliteShop.ts'

const shop = useShop(new SqliteShop())

completionKills(shop, async () => {
  const rows = shop.db.prepare('SELECT name FROM purchase').all() as { name: string }[]
  return rows.map(({ name }) => name)
})
