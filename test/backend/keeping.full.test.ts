import { expect, test } from 'vitest'
import { Keeping } from '../../src/backend/bounds/keeping.ts'
import { SUCCESS } from '../../src/protocol/states.ts'
import { metaOf } from '../../src/testing/factories.ts'
import { onStores } from '../app/lab.ts'
import { storesOf } from '../app/stores.ts'

const COUNT = 60_000
const CAP = 50_000
const DAY = 86_400_000

onStores(
  ['sqlite', 'postgres', 'redis'],
  (lab) => {
    test(`${COUNT} records: as many as the cap are left, and nearly all that expire later`, async () => {
      const { backend } = await storesOf(lab().app())
      const ids = Array.from({ length: COUNT }, (_, at) => `job-${at}`)
      // Ended in an order that has nothing to do with that of their submission.
      const place = (at: number): number => (at * 7919) % COUNT
      for (let from = 0; from < COUNT; from += 2000) {
        const some = ids.slice(from, from + 2000)
        const store = (id: string, at: number) =>
          backend.store(metaOf(id, SUCCESS, { result_expires: DAY + place(from + at) * 1000 }))
        await Promise.all(some.map(store))
      }
      const rows = await backend.rows?.()
      if (!rows) throw new Error('the backend has no rows')
      const { kept, dropped } = await new Keeping(rows).trim({ results: CAP })
      expect([kept.results, dropped.results]).toEqual([CAP, COUNT - CAP])
      let tooEarly = 0
      for (let from = 0; from < COUNT; from += 2000) {
        const found = await backend.load(ids.slice(from, from + 2000))
        tooEarly += found.filter((meta, at) => !meta && place(from + at) >= 1.2 * (COUNT - CAP)).length
      }
      expect(tooEarly).toBe(0)
      expect((await new Keeping(rows).amount(false)).results).toBe(CAP)
    })
  },
  { memory: false },
)
