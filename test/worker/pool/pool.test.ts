import { afterAll, describe, it } from 'vitest'
import { internalsOf } from '../../../src/app/internals.ts'
import { poolSuite } from '../../../src/testing/suites/pool/poolSuite.ts'
import { ChildPool } from '../../../src/worker/pool/child/pool.ts'
import { InlinePool } from '../../../src/worker/pool/inline.ts'
import { processes } from '../../../src/worker/pool/processes/process.ts'
import { threads } from '../../../src/worker/pool/threads/thread.ts'
import { isFull } from '../../tier.ts'
import { app } from './tasks.ts'

/** In `npm test` cases that leave a pool as it was share one. */
const kit = isFull ? { describe, it } : { describe, it, afterAll }
const module = new URL('./tasks.ts', import.meta.url).href
const heap = 64
const thread = threads({ maxOldGenerationSizeMb: heap })
const process = processes({ heap })

poolSuite(kit, 'inline', (size) => new InlinePool(internalsOf(app), size), { isolated: false })
poolSuite(kit, 'solo', () => new InlinePool(internalsOf(app), 1, 'solo'), { isolated: false, resizes: false })
poolSuite(kit, 'threads', (size) => new ChildPool(app, thread, { size, module }), { isolated: true })
poolSuite(kit, 'processes', (size) => new ChildPool(app, process, { size, module }), { isolated: true })
