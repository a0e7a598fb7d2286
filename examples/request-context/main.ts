import { randomBytes } from 'node:crypto'
import { runExample } from '../shared/example.ts'

/*
 * npm start -- request-context: the application and its worker.
 */

// All processes that serve sign cookies alike.
process.env.SESSION_SECRET ||= randomBytes(32).toString('hex')

process.exitCode = await runExample(
  {
    name: 'request-context',
    store: 'sqlite:.celeriac/request-context.db',
    workers: 1,
    concurrency: 2,
    web: new URL('web.ts', import.meta.url),
    tasks: new URL('tasks.ts', import.meta.url),
    welcome: (url) => `
request-context is at ${url}: open it in a browser, log in, have a report written, look into the outbox

Ctrl-C stops it; a report that is not written then is written after the next start.
`,
  },
  process.argv.slice(2),
)
