import { App } from '../../../src/app/app.ts'
import { BoundsWatch } from '../../../src/calls/bounds/boundsWatch.ts'
import { createLogger } from '../../../src/std/log.ts'
import { storesOf } from '../stores.ts'

/* Drops what is beyond the cap of records, once. Sends how long it took, ms. */
const [broker = '', cap] = process.argv.slice(2)
const app = new App({ broker, logger: createLogger('silent') })
const parts = { stores: await storesOf(app), boundOf: undefined, caps: { results: Number(cap) } }
const watch = new BoundsWatch({ ...parts, config: () => app.config })
// It goes on looking, so that no other process does it.
watch.start()
const since = performance.now()
await watch.look()
const took = performance.now() - since
watch.close()
await app.close()
process.send?.(took)
process.disconnect?.()
