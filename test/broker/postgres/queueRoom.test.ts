import { expect, test } from 'vitest'
import { useLab } from '../../app/lab.ts'
import { emptySchema, query } from '../../postgres/shared.ts'

const lab = useLab('postgres', emptySchema)

test('by a count that is used for several calls, those alone are refused that find no room', async () => {
  const app = lab().app({ maxQueueBytes: 100_000 })
  const length = app.task('length', (text: string) => text.length)
  await length.delay('first')
  // To count as many takes so long that the count is used for some time.
  await query(
    lab().url,
    "INSERT INTO message (queue, rank, head, body) SELECT 'celery', 0, '', '' FROM generate_series(1, 50000)",
  )
  await length.delay('counted')
  const sizes = [10, 20, 200_000, 30, 60_000, 60_001, 40]
  const sent = await Promise.allSettled(sizes.map((size) => length.delay('x'.repeat(size))))
  const refused = sizes.filter((_, at) => sent[at]?.status === 'rejected')
  expect(refused).toEqual([200_000, 60_001])
})
