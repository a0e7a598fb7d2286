import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { project, run, start } from './harness.ts'

/* What a command loads is most of what it costs: each module about a millisecond. */

/** Lists the modules that a process loads in a file, one URL a line. */
const HOOK = `
import { appendFileSync } from 'node:fs'
import { registerHooks } from 'node:module'

registerHooks({
  load(url, context, next) {
    appendFileSync(process.env.LOADED, url + '\\n')
    return next(url, context)
  },
})
`

const TASKS = `
import { Celeriac } from 'celeriac'

export const app = new Celeriac({ name: 'shop' })
app.task('add', (x, y) => x + y)
`

function listing(): { folder: string; env: Record<string, string>; loaded: () => string[] } {
  const folder = project({ 'tasks.ts': TASKS, 'hook.mjs': HOOK })
  const list = join(folder, 'loaded.txt')
  const env = { LOADED: list, NODE_OPTIONS: `--import=${join(folder, 'hook.mjs')}` }
  return { folder, env, loaded: () => [...new Set(readFileSync(list, 'utf8').trim().split('\n'))] }
}

/** Modules of Node that load the client of `fetch`; pino-pretty; servers; stores that the URLs do not name; a codec. */
const NEVER =
  /^node:https?$|[/](?:pino-pretty|@hono|ioredis|amqplib|pg)[/]|src[/](?:codec|stores[/](?:redis|rabbitmq|postgres|rpc))[/]/
/** What only an app with its HTTP API, or a worker, needs. */
const OF_APPS = /[/]hono[/]|src[/](?:http|worker|beat|telemetry|control)[/](?!.*[oO]ptions[.]ts$)/

const fits = (urls: readonly string[], pattern: RegExp): string[] => urls.filter((url) => pattern.test(url))

test('a call loads its store, and no HTTP API, worker or log format', async () => {
  const { folder, env, loaded } = listing()
  expect(await run(folder, ['call', 'add', '1', '2'], { env })).toMatchObject({ code: 0, stderr: '' })
  const urls = loaded()
  expect(fits(urls, /src[/]stores[/]sqlite[/]store[.]ts$/)).toHaveLength(1)
  expect(fits(urls, NEVER)).toEqual([])
  expect(fits(urls, OF_APPS)).toEqual([])
  expect(urls.length).toBeLessThan(300)
})

test('the version loads no app', async () => {
  const { folder, env, loaded } = listing()
  expect(await run(folder, ['--version'], { env })).toMatchObject({ code: 0 })
  expect(fits(loaded(), NEVER)).toEqual([])
  expect(fits(loaded(), OF_APPS)).toEqual([])
  expect(fits(loaded(), /src[/](?:app|stores|calls|tasks)[/]/)).toEqual([])
})

test('a worker loads no server, no client of HTTP and no log format', async () => {
  const { folder, env, loaded } = listing()
  const worker = start(folder, ['worker', '-A', 'tasks.ts'], env)
  await worker.until(/ ready/)
  const urls = loaded()
  expect(fits(urls, /src[/]worker[/]worker[.]ts$/)).toHaveLength(1)
  expect(fits(urls, NEVER)).toEqual([])
  // Its file stands for any store that Celery does not share: without -E no code of events runs.
  expect(fits(urls, /src[/]events[/]/)).toEqual([])
  expect(fits(urls, /src[/]http[/](?:openapi[/](?!info)|server[/]node)/)).toEqual([])
  expect(urls.length).toBeLessThan(485)
})

test('a worker whose tasks have no batch never loads what batches need', async () => {
  const { folder, env, loaded } = listing()
  const worker = start(folder, ['worker', '-A', 'tasks.ts'], env)
  await worker.until(/ ready/)
  expect(await run(folder, ['call', 'add', '1', '2', '--wait'])).toMatchObject({ code: 0, stdout: '3\n' })
  expect(fits(loaded(), /src[/]worker[/]task[/]execute[.]ts$/)).toHaveLength(1)
  expect(fits(loaded(), /src[/](?:worker[/]task[/]batch|tasks[/]batch|worker[/]pool[/]together)/)).toEqual([])
})
