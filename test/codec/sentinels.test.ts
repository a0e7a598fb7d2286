import { describe } from 'vitest'
import { useLab } from '../app/lab.ts'
import { sqliteText } from './dump.ts'
import { searches } from './sentinelScene.ts'

/* The servers are in sentinels.full.test.ts. */

describe('SQLite', () => searches({ lab: useLab('sqlite'), text: sqliteText }))
