import type { App } from '../app/app.ts'
import type { Logger, LogLevel } from '../std/log.ts'
import { isStoreAway } from '../std/thrown.ts'
import type { SkipReason } from './plan.ts'

/** Turns the signals of an app's beats into log lines. The returned function ends it. */
export function logBeat(app: Pick<App, 'on'>, logger: Logger, level: LogLevel): () => void {
  if (level === 'silent') return () => undefined
  const ends = [
    app.on('beat:ready', ({ entries, store }) => logger.info({ store }, `beat ready: ${count(entries)} in ${store}`)),
    app.on('beat:sent', ({ entry, task, id, fire, late, again }) => {
      const fields = { entry, task, id, fire: fire.toISOString(), late: Math.round(late) }
      logger.info(fields, `Schedule ${entry} sent ${task}[${id}]${again ? ' for a beat that did not come to it' : ''}`)
    }),
    app.on('beat:skipped', ({ entry, reason }) =>
      logger.warn({ entry, reason }, `Schedule ${entry} left out runs: ${REASONS[reason]}`),
    ),
    app.on('beat:error', ({ error, doing }) => {
      const text = error instanceof Error ? error.message : String(error)
      logger.error(isStoreAway(error) ? {} : { err: error }, `${doing}: ${text}`)
    }),
    app.on('beat:shutdown', () => logger.info({}, 'beat stopped')),
  ]
  return () => {
    for (const end of ends) end()
  }
}

const REASONS: Readonly<Record<SkipReason, string>> = {
  missed: 'their time had passed',
  overlap: 'the one before had not ended',
}

function count(entries: number): string {
  return entries === 1 ? '1 entry' : `${entries} entries`
}
