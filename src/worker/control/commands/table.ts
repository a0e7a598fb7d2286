import type { Command } from '../controlled.ts'
import { EVENT_COMMANDS } from './events.ts'
import { INSPECTOR_COMMANDS } from './inspector.ts'
import { LIMIT_COMMANDS } from './limits.ts'
import { PAUSE_COMMANDS } from './pauses.ts'
import { POOL_COMMANDS } from './pool.ts'
import { PROCESS_COMMANDS } from './process.ts'
import { QUEUE_COMMANDS } from './queues.ts'
import { REQUEST_COMMANDS } from './requests.ts'
import { REVOKE_COMMANDS } from './revoke.ts'
import { SETTINGS_COMMANDS } from './settings.ts'
import { STATS_COMMANDS } from './stats.ts'

/** The commands beside `ping` and `revoke`, by name (celery-wire §5.3). */
export const COMMANDS: ReadonlyMap<string, Command> = new Map(
  [
    EVENT_COMMANDS,
    INSPECTOR_COMMANDS,
    LIMIT_COMMANDS,
    PAUSE_COMMANDS,
    POOL_COMMANDS,
    PROCESS_COMMANDS,
    QUEUE_COMMANDS,
    REQUEST_COMMANDS,
    REVOKE_COMMANDS,
    SETTINGS_COMMANDS,
    STATS_COMMANDS,
  ].flatMap((commands) => Object.entries(commands)),
)
