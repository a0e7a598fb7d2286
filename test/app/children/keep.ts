import { App } from '../../../src/app/app.ts'
import { BoundsWatch } from '../../../src/calls/bounds/boundsWatch.ts'
import { keepingCapsOf } from '../../../src/config/queueOptions.ts'
import { createLogger } from '../../../src/std/log.ts'
import { storesOf } from '../stores.ts'

/* Looks once at what is kept, and drops what is beyond the cap. Sends how long it took, ms. */
const [broker = '', cap] = process.argv.slice(2)
const app = new App({ broker, maxResults: Number(cap), logger: createLogger('silent') })
const stores = await storesOf(app)
const watch = new BoundsWatch({
  stores,
  boundOf: undefined,
  caps: keepingCapsOf(app.config),
  config: () => app.config,
})
const since = performance.now()
await watch.look()
const took = performance.now() - since
await app.close()
process.send?.(took)
process.disconnect?.()
