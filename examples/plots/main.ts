import { availableParallelism } from 'node:os'
import { runExample } from '../shared/example.ts'

/*
 * npm start -- plots: the service and its worker, each in its own process.
 */

process.exitCode = await runExample(
  {
    name: 'plots',
    store: 'sqlite:.celeriac/plots.db',
    workers: 1,
    concurrency: availableParallelism(),
    web: new URL('web.ts', import.meta.url),
    tasks: new URL('tasks.ts', import.meta.url),
    welcome: (url) => `
plots is at ${url}: open it in a browser, and follow the link

Ctrl-C stops it; a picture that is not done then is drawn after the next start.
`,
  },
  process.argv.slice(2),
)
