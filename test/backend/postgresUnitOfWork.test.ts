import { describe, it } from 'vitest'
import { openStores } from '../../src/stores/open.ts'
import { changeSuite } from '../../src/testing/suites/jobs/changeSuite.ts'
import { deadLetterSuite, SUITE_DEAD_LETTERS } from '../../src/testing/suites/jobs/deadLetterSuite.ts'
import { type OpenedStores, unitOfWorkSuite } from '../../src/testing/suites/unitOfWorkSuite.ts'
import { emptySchema } from '../postgres/shared.ts'
import { inFull } from '../tier.ts'

for (const [name, isShared, serializer] of [
  ['one schema', true, 'json'],
  ...inFull(['one schema, msgpack', true, 'msgpack'] as const, ['two schemas', false, 'json'] as const),
] as const) {
  const open = async (): Promise<OpenedStores> => {
    const broker = await emptySchema()
    return openStores(
      { broker, backend: isShared ? broker : await emptySchema() },
      {
        lease: 30_000,
        visibilityTimeout: 3_600_000,
        expires: 60_000,
        serializer,
        accept: ['json', 'msgpack'],
        deadLetters: SUITE_DEAD_LETTERS,
      },
    )
  }
  unitOfWorkSuite({ describe, it }, `postgres, ${name}`, open)
  changeSuite({ describe, it }, `postgres, ${name}`, open)
  deadLetterSuite({ describe, it }, `postgres, ${name}`, open)
}
