import { it } from 'vitest'
import { checkLimits } from './limitModel.ts'

it('limits: random commands by a clock that jumps let through what they should, and nothing else', async () => {
  await checkLimits(60)
}, 60_000)
