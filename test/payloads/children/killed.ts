import { Celeriac } from 'celeriac'
import { directoryPayloads, type PayloadStore } from 'celeriac/payloads'
import { Worker } from 'celeriac/worker'

/*
 * Dies by SIGKILL right after it has put a payload: that of a call before its message is sent (`call`), or that of a
 * result before it is settled (`work`).
 */
const [what, broker, folder] = process.argv.slice(2) as [string, string, string]
const inner = directoryPayloads(folder)
const store: PayloadStore = {
  url: inner.url,
  get: (...given) => inner.get(...given),
  delete: (keys) => inner.delete(keys),
  list: (listing) => inner.list(listing),
  put: async (key, body) => {
    await inner.put(key, body)
    process.kill(process.pid, 'SIGKILL')
  },
}
const app = new Celeriac({ broker, lease: '1s', payloads: { store, threshold: '1 KiB' } })
const echo = app.task('echo', (text: string) => text)
if (what === 'call') await echo.applyAsync(['x'.repeat(5000)], { taskId: 'killed' })
else await new Worker(app).start()
