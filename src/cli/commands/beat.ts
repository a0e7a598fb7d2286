import { schedulesOf } from '../../beat/schedules.ts'
import { startBeat } from '../beatService.ts'
import { type AppOptions, openApp } from '../loadApp.ts'
import { say } from '../say.ts'
import { stopped } from '../stop.ts'

/** `celeriac beat`: sends the tasks of the schedule when they are due, until a signal ends it. */
export async function beat(options: AppOptions): Promise<void> {
  const app = await openApp(options)
  const running = await startBeat(app)
  const ending = stopped({
    warm: async () => {
      say(app.config.logger, 'stopping: claimed runs are still sent')
      await running.stop()
    },
    cold: async () => undefined,
  })
  const entries = await schedulesOf(app).list()
  const count = entries.length === 1 ? '1 entry' : `${entries.length} entries`
  process.stdout.write(`beat of ${app.config.name}: ${count} in ${(await schedulesOf(app).store()).url}\n`)
  const code = await ending
  await app.close()
  process.exit(code)
}
