import { describe } from 'vitest'
import { useLab } from '../../app/lab.ts'
import { killCases } from './kill.ts'

describe('on sqlite', () => killCases(useLab('sqlite')))
