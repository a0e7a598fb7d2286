import { availableParallelism } from 'node:os'
import { runExample } from '../shared/example.ts'

/*
 * npm start -- workflow: the service and its worker, each in its own process.
 */

process.exitCode = await runExample(
  {
    name: 'workflow',
    store: 'sqlite:.celeriac/workflow.db',
    workers: 1,
    concurrency: availableParallelism(),
    web: new URL('web.ts', import.meta.url),
    tasks: new URL('tasks.ts', import.meta.url),
    welcome: (url) => `
workflow is at ${url}: open it in a browser, and start a report; or
  curl -X POST ${url}/reports

Ctrl-C stops it; pages that are not rendered then are rendered after the next start.
`,
  },
  process.argv.slice(2),
)
