/** A process with a test that is never closed: it must end by itself. */
import { Celeriac } from '../../src/celeriac.ts'
import { testApp } from '../../src/testing/testing.ts'

const app = new Celeriac({ broker: 'redis://127.0.0.1:1' })
const add = app.task('add', (a: number, b: number) => a + b)
const t = await testApp(app)
await add.applyAsync([1, 2], { countdown: '1d' })
await t.advance('1h')
console.log(t.sent(add)[0]?.state)
