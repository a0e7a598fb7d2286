import { it } from 'vitest'
import { runs } from '../../tier.ts'
import { checkLimits } from './limitModel.ts'

it('limits: random commands by a clock that jumps let through what they should, and nothing else', async () => {
  await checkLimits(runs(90))
}, 60_000)
