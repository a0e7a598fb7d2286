import { DatabaseSync } from 'node:sqlite'
import { completionSuite } from './completionSuite.ts'
import { useShop } from './shop.ts'
import { SqliteShop } from './sqliteShop.ts'

const shop = useShop(new SqliteShop())

/** The end of the transaction before: one that waits for the lock blocks the one that has it, in the same thread. */
let last: Promise<unknown> = Promise.resolve()

completionSuite(shop, {
  begin: async () => {
    const before = last
    const { promise, resolve } = Promise.withResolvers<void>()
    last = promise
    await before
    const db = new DatabaseSync(shop.path, { timeout: 10_000 })
    db.exec('BEGIN IMMEDIATE')
    const end = (how: string): void => {
      db.exec(how)
      resolve()
    }
    return {
      client: db,
      insert: async (name) => db.prepare('INSERT INTO purchase (name) VALUES (?)').run(name),
      commit: async () => end('COMMIT'),
      rollback: async () => end('ROLLBACK'),
      close: async () => {
        resolve()
        db.close()
      },
    }
  },
  takeAway: async () => shop.db.exec('UPDATE celeriac_message SET owner = -1 WHERE owner IS NOT NULL'),
})
