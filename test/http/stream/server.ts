// A server of its own process: node server.ts STORE PORT. Says 'ready', and its memory when asked.
import { Celeriac } from 'celeriac'
import { serve } from 'celeriac/http'

const [, , broker = '', port = ''] = process.argv
const app = new Celeriac({ broker })
const work = app.task('stream.work', () => 1)
await serve(app.http({ expose: [work] }), { port: Number(port) })
process.on('message', () => {
  globalThis.gc?.()
  process.send?.({ rss: process.memoryUsage().rss })
})
process.send?.('ready')
