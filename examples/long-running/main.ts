import { runExample } from '../shared/example.ts'

/*
 * npm start -- long-running: the server, of two processes, and its worker.
 */

process.exitCode = await runExample(
  {
    name: 'long-running',
    store: 'sqlite:.celeriac/long-running.db',
    workers: 2,
    concurrency: 1,
    web: new URL('server.ts', import.meta.url),
    tasks: new URL('tasks.ts', import.meta.url),
    welcome: (url) => `
long-running is at ${url}: hand in a task, ask how it is, fetch what it returned; then the synchronous way
  curl -X POST ${url}/async_long_running_task
  curl ${url}/async_long_running_task/<task_id>
  curl ${url}/async_long_running_task/<task_id>/result
  curl -X POST ${url}/long_running_task

Ctrl-C stops it; a task that is not done then begins anew with the next start.
`,
  },
  process.argv.slice(2),
)
