import { type Address, startHttp } from '../httpService.ts'
import { type AppOptions, openApp } from '../open.ts'
import { stopped } from '../stop.ts'

/** `celeriac serve`: the HTTP API alone, until a signal ends it. */
export async function serve(options: AppOptions & Address): Promise<void> {
  const app = await openApp(options)
  const starting = startHttp(app, options)
  const ending = stopped({ warm: async () => (await starting).close(), cold: async () => undefined })
  const server = await starting
  const names = [...app.tasks.keys()].sort().join(', ') || 'none'
  process.stdout.write(`HTTP API at ${server.url} (tasks: ${names})\n`)
  const code = await ending
  await app.close()
  process.exit(code)
}
