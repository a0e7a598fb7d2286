/* A beat in a process of its own, whose time runs faster. Told by BEAT, as JSON: see Settings. */
import { App } from '../../src/app/app.ts'
import { Beat } from '../../src/beat/beat.ts'
import { schedulesOf } from '../../src/beat/schedules.ts'
import { every } from '../../src/beat/when/every.ts'
import type { Clock } from '../../src/std/clock.ts'
import { createLogger } from '../../src/std/log.ts'

export interface Settings {
  readonly url: string
  /** From this moment on, ms since the epoch, time runs so many times as fast. */
  readonly origin: number
  readonly speed: number
  readonly entries: number
}

/** The time of all processes with these settings. */
export function fastClock({ origin, speed }: Pick<Settings, 'origin' | 'speed'>): Clock {
  return {
    now: () => Math.round(origin + (Date.now() - origin) * speed),
    after: (ms, wake) => {
      const timer = setTimeout(wake, ms / speed)
      return () => clearTimeout(timer)
    },
  }
}

/** What the code of all beats defines. */
export function defineEntries(app: App, { entries }: Pick<Settings, 'entries'>): void {
  for (let at = 0; at < entries; at++)
    schedulesOf(app).define(`entry ${at}`, every('1s'), { task: 'note', args: [at] }, { missed: { all: 1000 } })
}

if (process.env.BEAT !== undefined) {
  const settings = JSON.parse(process.env.BEAT) as Settings
  const app = new App({ broker: settings.url, logger: createLogger('error') })
  app.on('beat:error', ({ error, doing }) => app.config.logger.error({ err: error }, doing))
  defineEntries(app, settings)
  await new Beat(app, { clock: fastClock(settings) }).start()
  process.send?.('ready')
}
