import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { eventually } from '../../wait.ts'
import type { Connected } from './libraries.ts'
import type { Shop } from './shop.ts'

const ROLLBACK = new Error('rolled back')

/** What must hold with each library on a store. */
export function librarySuite(
  shop: Shop,
  libraries: Readonly<Record<string, (url: string) => Promise<Connected>>>,
): void {
  describe.each(Object.entries(libraries))('%s', (name, connect) => {
    let db: Connected
    beforeAll(async () => {
      db = await connect(shop.url)
    })
    beforeEach(() => shop.clear())
    afterAll(() => db?.close())

    it('commits the row and the jobs together', async () => {
      const what = { name, text: "'; -- $1 ? \u0000 \u001f 🥬 \\", big: 2 ** 53 }
      const handles = await db.transaction(async (client, insert) => {
        await insert(name)
        const sent = await shop.app.within(client, async () => {
          const options = { priority: 3, tags: ['a'], owner: 'me', keepInput: true, taskId: `${name} 1` }
          const one = await shop.app.send('pack', [what], options)
          const two = await shop.app.send('pack', [1], { queue: 'other', countdown: '50ms', ignoreResult: true })
          return [one, two]
        })
        expect(await shop.count('purchase')).toBe(0)
        expect(await sent[0]?.state()).toBe('UNKNOWN')
        return sent
      })
      expect(await handles[0]?.get({ timeout: '10s' })).toEqual(what)
      await eventually(
        async () => [shop.packed.length, await shop.waiting()],
        ([length, waiting]) => length === 2 && waiting === 0,
      )
      // In any order: the other may be due before the first has run.
      expect(shop.packed).toEqual(expect.arrayContaining([what, 1]))
      expect(await shop.app.jobs({ owner: 'me', tag: 'a' })).toMatchObject({ jobs: [{ id: `${name} 1` }] })
      expect(await shop.counts()).toEqual([1, 0, 1, 0, 1, 0])
    })

    it('rolls the row and the jobs back together', async () => {
      const rolling = db.transaction(async (client, insert) => {
        await insert(name)
        await shop.app.within(client, async () => {
          await shop.app.send('pack', [1], { idempotencyKey: name, tags: ['a'] })
          await shop.app.send('pack', [1], { countdown: '1h' })
          await shop.sum([1, 2])
        })
        throw ROLLBACK
      })
      await expect(rolling).rejects.toBe(ROLLBACK)
      expect(await shop.counts()).toEqual([0, 0, 0, 0, 0, 0])
      expect(shop.packed).toEqual([])
    })

    it('sends a chord, and a job once in whichever transactions', async () => {
      const send = (client: object): Promise<boolean> =>
        shop.app.within(client, async () => (await shop.app.send('pack', [1], { idempotencyKey: name })).sent)
      let isOther = false
      let other: Promise<boolean> | undefined
      const { sum, sent } = await db.transaction(async (client) => {
        const sums = await shop.app.within(client, () => shop.sum([1, 2, 3]))
        const first = await send(client)
        // It waits for the note of this one.
        if (!db.isAlone) other = db.transaction(send).finally(() => (isOther = true))
        await new Promise((resolve) => setTimeout(resolve, 100))
        expect(isOther).toBe(false)
        return { sum: sums, sent: [first, await send(client)] }
      })
      expect(sent).toEqual([true, false])
      expect(await (other ?? db.transaction(send))).toBe(false)
      expect(await sum.get({ timeout: '10s' })).toBe(12)
      await eventually(
        () => shop.waiting(),
        (count) => count === 0,
      )
      expect(shop.packed).toEqual([1])
    })

    it('refuses what is no transaction', async () => {
      let ran = false
      const run = async (): Promise<void> => {
        ran = true
      }
      await expect(shop.app.within(db.outside, run)).rejects.toThrow(/^within: expected a (?:client|DatabaseSync)/)
      expect(ran).toBe(false)
    })
  })
}
