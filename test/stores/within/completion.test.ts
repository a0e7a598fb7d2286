import pg from 'pg'
import { completionSuite } from './completionSuite.ts'
import { useShop } from './shop.ts'

const shop = useShop()

completionSuite(shop, {
  begin: async () => {
    const client = new pg.Client({ connectionString: shop.url })
    await client.connect()
    await client.query('BEGIN')
    return {
      client,
      insert: (name) => client.query('INSERT INTO purchase (name) VALUES ($1)', [name]),
      commit: () => client.query('COMMIT'),
      rollback: () => client.query('ROLLBACK'),
      close: () => client.end(),
    }
  },
  takeAway: () => shop.pool.query('UPDATE celeriac.claim SET fence = fence + 1'),
})
