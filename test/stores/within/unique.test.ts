import pg from 'pg'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { App } from '../../../src/app/app.ts'
import { NotSupportedError, NotUniqueError } from '../../../src/std/errors.ts'
import { createLogger } from '../../../src/std/log.ts'
import { useShop } from './shop.ts'

const shop = useShop()
beforeEach(() => shop.clear())

const ends: (() => Promise<unknown>)[] = []
// A transaction that stays open would have locks.
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

async function begun(): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: shop.url })
  ends.push(() => client.end())
  await client.connect()
  await client.query('BEGIN')
  return client
}

/** An app on the schema of the shop, with unique tasks. */
function uniqueApp() {
  const app = new App({ broker: shop.url, logger: createLogger('silent') })
  ends.push(() => app.close())
  const unique = { key: (key: string) => key, while: 'until-done' } as const
  return {
    app,
    once: app.task('once', (key: string) => key, { unique }),
    refusing: app.task('refusing', (key: string) => key, { unique: { ...unique, onConflict: 'reject' } }),
    replacing: app.task('replacing', (key: string) => key, { unique: { ...unique, onConflict: 'replace' } }),
  }
}

test('calls in one transaction are one job; a rollback frees the key', async () => {
  const { app, once, refusing } = uniqueApp()
  const client = await begun()
  await app.within(client, async () => {
    const handles = await Promise.all([once.delay('a'), once.delay('a'), once.delay('a')])
    expect(new Set(handles.map(({ id }) => id)).size).toBe(1)
    expect(handles.filter(({ sent }) => sent).length).toBe(1)
    await refusing.delay('a')
    await expect(refusing.delay('a')).rejects.toBeInstanceOf(NotUniqueError)
  })
  await client.query('ROLLBACK')
  const after = await once.delay('a')
  expect(after.sent).toBe(true)
})

test('a job outside has its key in the transaction; a key that is free is taken over with the commit', async () => {
  const { app, once } = uniqueApp()
  const first = await once.delay('a')
  const client = await begun()
  expect(await app.within(client, async () => (await once.delay('a')).id)).toBe(first.id)
  await first.revoke()
  const [second, third] = await app.within(client, async () => [await once.delay('a'), await once.delay('a')])
  expect([second?.sent, third?.id]).toEqual([true, second?.id])
  await client.query('COMMIT')
  expect((await once.delay('a')).id).toBe(second?.id)
})

test('a call elsewhere waits for the end of the transaction', async () => {
  const { app, once } = uniqueApp()
  const other = uniqueApp()
  const client = await begun()
  const first = await app.within(client, () => once.delay('a'))
  const waiting = other.once.delay('a')
  const soon = new Promise((resolve) => setTimeout(resolve, 200, 'waits'))
  expect(await Promise.race([waiting, soon])).toBe('waits')
  await client.query('COMMIT')
  const handle = await waiting
  expect([handle.id, handle.sent]).toEqual([first.id, false])
})

test('what changes a job that waits is refused in a transaction', async () => {
  const { app, replacing } = uniqueApp()
  const client = await begun()
  await app.within(client, async () => {
    await expect(replacing.delay('a')).rejects.toThrow(NotSupportedError)
    await expect(replacing.delay('a')).rejects.toThrow('app.within cannot do')
  })
})
