import { afterEach, beforeEach, expect, test } from 'vitest'
import { App } from '../../../src/app/app.ts'
import { NotSupportedError, NotUniqueError } from '../../../src/std/errors.ts'
import { createLogger } from '../../../src/std/log.ts'
import type { Shop } from './shop.ts'

/** A client with an open transaction. */
export interface Begun {
  readonly client: object
  end(how: 'COMMIT' | 'ROLLBACK'): Promise<unknown>
  /** The client, whatever became of its transaction. */
  close(): Promise<unknown>
}

/** What must hold for unique tasks on a store. */
export function uniqueSuite(shop: Shop, begin: () => Promise<Begun>): void {
  beforeEach(() => shop.clear())

  const ends: (() => Promise<unknown>)[] = []
  // A transaction that stays open would have locks.
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end()
  })

  async function begun(): Promise<Begun> {
    const begun = await begin()
    ends.push(() => begun.close())
    return begun
  }

  /** An app on the store of the shop, with unique tasks, which the shop's worker does not take. */
  function uniqueApp() {
    const app = new App({ broker: shop.url, logger: createLogger('silent') })
    ends.push(() => app.close())
    const queue = 'unique'
    const unique = { key: (key: string) => key, while: 'until-done' } as const
    return {
      app,
      once: app.task('once', (key: string) => key, { queue, unique }),
      refusing: app.task('refusing', (key: string) => key, { queue, unique: { ...unique, onConflict: 'reject' } }),
      replacing: app.task('replacing', (key: string) => key, { queue, unique: { ...unique, onConflict: 'replace' } }),
    }
  }

  test('calls in one transaction are one job; a rollback frees the key', async () => {
    const { app, once, refusing } = uniqueApp()
    const { client, end } = await begun()
    await app.within(client, async () => {
      const handles = await Promise.all([once.delay('a'), once.delay('a'), once.delay('a')])
      expect(new Set(handles.map(({ id }) => id)).size).toBe(1)
      expect(handles.filter(({ sent }) => sent).length).toBe(1)
      await refusing.delay('a')
      await expect(refusing.delay('a')).rejects.toBeInstanceOf(NotUniqueError)
    })
    await end('ROLLBACK')
    const after = await once.delay('a')
    expect(after.sent).toBe(true)
  })

  test('a job outside has its key in the transaction; a key that is free is taken over with the commit', async () => {
    const { app, once } = uniqueApp()
    const first = await once.delay('a')
    const before = await begun()
    expect(await app.within(before.client, async () => (await once.delay('a')).id)).toBe(first.id)
    await before.end('COMMIT')
    await first.revoke()
    const { client, end } = await begun()
    const [second, third] = await app.within(client, async () => [await once.delay('a'), await once.delay('a')])
    expect([second?.sent, third?.id]).toEqual([true, second?.id])
    await end('COMMIT')
    expect((await once.delay('a')).id).toBe(second?.id)
  })

  test('a call elsewhere waits for the end of the transaction', async () => {
    const { app, once } = uniqueApp()
    const other = uniqueApp()
    const { client, end } = await begun()
    const first = await app.within(client, () => once.delay('a'))
    const waiting = other.once.delay('a')
    const soon = new Promise((resolve) => setTimeout(resolve, 200, 'waits'))
    expect(await Promise.race([waiting, soon])).toBe('waits')
    await end('COMMIT')
    const handle = await waiting
    expect([handle.id, handle.sent]).toEqual([first.id, false])
  })

  test('a note of the call is kept with it, and undone with it', async () => {
    const { app, once } = uniqueApp()
    const note = { key: 'note', value: 'kept', expires: Date.now() + 60_000 }
    const { client, end } = await begun()
    await app.within(client, async () => {
      expect((await once.applyAsync(['a'], { note })).sent).toBe(true)
      expect((await once.applyAsync(['b'], { note })).sent).toBe(false)
    })
    await end('ROLLBACK')
    expect((await once.applyAsync(['b'], { note })).sent).toBe(true)
    expect((await once.applyAsync(['c'], { note })).sent).toBe(false)
  })

  test('what changes a job that waits is refused in a transaction', async () => {
    const { app, replacing } = uniqueApp()
    const { client } = await begun()
    await app.within(client, async () => {
      await expect(replacing.delay('a')).rejects.toThrow(NotSupportedError)
      await expect(replacing.delay('a')).rejects.toThrow('app.within cannot do')
    })
  })
}
