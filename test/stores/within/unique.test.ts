import pg from 'pg'
import { useShop } from './shop.ts'
import { uniqueSuite } from './uniqueSuite.ts'

const shop = useShop()

uniqueSuite(shop, async () => {
  const client = new pg.Client({ connectionString: shop.url })
  await client.connect()
  await client.query('BEGIN')
  return { client, end: (how) => client.query(how), close: () => client.end() }
})
