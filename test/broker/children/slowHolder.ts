import { setTimeout as sleep } from 'node:timers/promises'
import { App } from '../../../src/app/app.ts'
import { envelopeOf, toQueue } from '../../../src/testing/factories.ts'
import { Reader } from '../../../src/testing/reader.ts'
import { storesOf } from '../../app/stores.ts'

/* Takes a message as soon as it may, holds it for longer than its lease, and prints whether it could settle it. */

const LEASE = 1000
const [url = ''] = process.argv.slice(2)
const app = new App({ broker: url, lease: LEASE })
const { broker } = await storesOf(app)
await broker.publish(envelopeOf('1'), toQueue('q'))
const consumer = await broker.consume([{ name: 'q' }], { prefetch: 1, name: 'celery@test' })
const delivery = await new Reader(consumer).next()
await sleep(1.6 * LEASE)
console.log(await delivery.ack())
await app.close()
