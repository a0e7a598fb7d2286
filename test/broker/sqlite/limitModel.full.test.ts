import { it } from 'vitest'
import { checkLimits } from './limitModel.ts'

it('limits: 1,500 times random commands', () => checkLimits(1500), 900_000)
