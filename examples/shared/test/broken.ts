import { runExample } from '../example.ts'

/*
 * An example whose worker cannot start: there is no module of its tasks.
 */

process.exitCode = await runExample(
  {
    name: 'broken',
    store: 'sqlite:.celeriac/plots.db',
    workers: 1,
    concurrency: 1,
    web: new URL('../../plots/web.ts', import.meta.url),
    tasks: new URL('missing.ts', import.meta.url),
    welcome: (url) => `broken is at ${url}`,
  },
  process.argv.slice(2),
)
