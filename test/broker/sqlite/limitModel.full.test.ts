import { it } from 'vitest'
import { checkLimits } from './limitModel.ts'

it('limits: 600 times random commands', () => checkLimits(600), 900_000)
