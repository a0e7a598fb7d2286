import { Celeriac } from 'celeriac'
import { serve } from 'celeriac/http'
import { directoryPayloads } from 'celeriac/payloads'

/*
 * Serves an app whose results are in a folder, and says where, and at each line on standard input how much memory it
 * has had at most, resident, in bytes. (The system's own maximum counts the process that has started this one.)
 */
const [broker, folder] = process.argv.slice(2) as [string, string]
const app = new Celeriac({ broker, payloads: { store: directoryPayloads(folder), maxSize: '512 MiB' } })
const large = app.task('large', () => undefined)
const server = await serve(app.http({ expose: [large] }), { port: 0 })
process.stdout.write(`${server.url}\n`)
let most = 0
setInterval(() => {
  most = Math.max(most, process.memoryUsage.rss())
}, 5)
process.stdin.on('data', () => process.stdout.write(`${most}\n`))
