import { OutboxRelay } from '../outbox/relay.ts'
import { redactUrl } from '../std/url.ts'
import { type AppOptions, openApp } from './loadApp.ts'
import { say } from './say.ts'
import { stopped } from './stop.ts'

interface OutboxCommandOptions extends AppOptions {
  readonly database: string
  readonly table?: string
  readonly batch?: number
}

/** `celeriac outbox`: publishes the jobs that wait in an outbox, until a signal ends it. */
export async function outbox(options: OutboxCommandOptions): Promise<void> {
  const app = await openApp(options)
  const { database, table, batch } = options
  const relay = new OutboxRelay(app, { database, table, batch })
  await relay.start()
  const ending = stopped({
    warm: async () => {
      say(app.config.logger, 'stopping: what was taken is still published')
      await relay.stop()
    },
    cold: async () => undefined,
  })
  const { broker } = await app.connect()
  process.stdout.write(`outbox of ${app.config.name}: ${redactUrl(database)} to ${broker}\n`)
  const code = await ending
  await app.close()
  process.exit(code)
}
