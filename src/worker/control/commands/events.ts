import type { Command } from '../controlled.ts'

/** Events for monitors. */
export const EVENT_COMMANDS: Readonly<Record<string, Command>> = {
  enable_events: (_, { worker: { taskEvents } }) => ({
    ok: taskEvents.enable() ? 'task events enabled' : 'task events already enabled',
  }),
  disable_events: (_, { worker: { taskEvents } }) => ({
    ok: taskEvents.disable() ? 'task events disabled' : 'task events already disabled',
  }),
  heartbeat: (_, { worker: { taskEvents } }) => {
    taskEvents.heartbeat()
    return null
  },
  // Its outcome concerns those that hold it: a worker that takes no part changes nothing.
  election: () => null,
}
