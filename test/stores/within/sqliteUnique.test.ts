import { DatabaseSync } from 'node:sqlite'
import { useShop } from './shop.ts'
import { SqliteShop } from './sqliteShop.ts'
import { uniqueSuite } from './uniqueSuite.ts'

const shop = useShop(new SqliteShop())

uniqueSuite(shop, async () => {
  const client = new DatabaseSync(shop.path, { timeout: 10_000 })
  client.exec('BEGIN')
  return { client, end: async (how) => client.exec(how), close: async () => client.close() }
})
