import type { Arguments, Command, CommandContext } from '../controlled.ts'
import { wholeOf } from './arguments.ts'

/** The worker's own pool. */
export const POOL_COMMANDS: Readonly<Record<string, Command>> = {
  pool_grow: ({ n }, context) => resize('grow', n, context),
  pool_shrink: ({ n }, context) => resize('shrink', n, context),
  pool_restart: () => {
    // It would load the modules that the message names.
    throw new RangeError('Pool restarts not enabled')
  },
  autoscale,
}

function resize(how: 'grow' | 'shrink', n: unknown, { worker }: CommandContext): unknown {
  const count = wholeOf(n, 'n', 1, 1)
  if (worker.autoscale) return { error: `pool_${how} is not supported with autoscale. Adjust autoscale range instead.` }
  worker[how](count)
  return { ok: `pool will ${how}` }
}

function autoscale({ max, min }: Arguments, { worker }: CommandContext): unknown {
  const { autoscale: present } = worker
  if (!present) throw new RangeError('Autoscale not enabled')
  const bounds = worker.setAutoscale(wholeOf(max, 'max', 1, present.max), wholeOf(min, 'min', 0, present.min))
  return { ok: `autoscale now max=${bounds.max} min=${bounds.min}` }
}
