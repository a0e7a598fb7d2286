// A server of a store, until it is killed: argv is the store's URL. Tells its port.
import { serve } from '../../../src/http/server/serve.ts'
import { Celeriac } from '../../../src/index.ts'
import { createLogger } from '../../../src/std/log.ts'

const app = new Celeriac({ broker: process.argv[2], logger: createLogger('error') })
const add = app.task('tasks.add', (x: number, y: number) => x + y)
const { port } = await serve(app.http({ expose: [add] }), { port: 0 })
process.stdout.write(`${port}\n`)
