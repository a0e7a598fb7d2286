import { schedulesOf } from '../../beat/schedules.ts'
import { startBeat } from '../beatService.ts'
import type { HealthOptions } from '../healthService.ts'
import { type AppOptions, openApp } from '../loadApp.ts'
import { startRecorder } from '../recorderService.ts'
import { say } from '../say.ts'
import { stopped } from '../stop.ts'

/** `celeriac beat`: sends the tasks of the schedule when they are due, until a signal ends it. */
export async function beat(options: AppOptions & HealthOptions): Promise<void> {
  const app = await openApp(options)
  const { healthPort: port, healthHost: host } = options
  const health =
    port === undefined ? undefined : await (await import('../healthService.ts')).startHealth(app, { port, host })
  const running = await startBeat(app)
  await startRecorder(app)
  health?.watch({ health: { ready: true, live: true } })
  const ending = stopped({
    warm: async () => {
      health?.watch({ health: { ready: false, live: true, reason: 'it stops' } })
      say(app.config.logger, 'stopping: claimed runs are still sent')
      await running.stop()
    },
    cold: async () => undefined,
  })
  const entries = await schedulesOf(app).list()
  const count = entries.length === 1 ? '1 entry' : `${entries.length} entries`
  process.stdout.write(`beat of ${app.config.name}: ${count} in ${(await schedulesOf(app).store()).url}\n`)
  const code = await ending
  await health?.close()
  await app.close()
  process.exit(code)
}
