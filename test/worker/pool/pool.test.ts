import { describe, it } from 'vitest'
import { internalsOf } from '../../../src/app/internals.ts'
import { poolSuite } from '../../../src/testing/suites/poolSuite.ts'
import { InlinePool } from '../../../src/worker/pool/inline.ts'
import { ThreadPool } from '../../../src/worker/pool/threads/pool.ts'
import { app } from './tasks.ts'

const kit = { describe, it }
const module = new URL('./tasks.ts', import.meta.url).href
const resourceLimits = { maxOldGenerationSizeMb: 64 }

poolSuite(kit, 'inline', (size) => new InlinePool(internalsOf(app), size), { isolated: false })
poolSuite(kit, 'solo', () => new InlinePool(internalsOf(app), 1, 'solo'), { isolated: false })
poolSuite(kit, 'threads', (size) => new ThreadPool(app, { size, module, resourceLimits }), { isolated: true })
