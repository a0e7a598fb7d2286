import type { App } from '../../app/app.ts'
import { MAX_LISTED } from '../../app/limits/limits.ts'
import { subjectText } from '../../config/task/limitPlan.ts'
import { isHeldBack } from '../../doctor/limits.ts'
import { NotSupportedError } from '../../std/errors.ts'
import { printable } from './printable.ts'

/** What begins nothing, or little, on all workers of a store. */
export interface Blocked {
  readonly paused: readonly string[]
  /** State by name of those that are not closed, of the limits that are in use: at most 1000 are looked at. */
  readonly breakers: Readonly<Record<string, string>>
  /** Until when, ISO 8601, by name, of those limits. */
  readonly heldBack: Readonly<Record<string, string>>
}

/** Undefined where the store keeps no limits. Rejects with StoreUnavailableError. */
export async function blockedOf(app: App): Promise<Blocked | undefined> {
  try {
    const [paused, used] = await Promise.all([app.limits.paused(), app.limits.list({ limit: MAX_LISTED })])
    const breakers = used.flatMap((limit) => {
      const { breaker = 'closed' } = limit
      return breaker === 'closed' ? [] : [[subjectText(limit), breaker] as const]
    })
    const now = app.config.clock.now()
    const held = used.filter((limit) => isHeldBack(limit, now))
    const heldBack = held.map((limit) => [subjectText(limit), new Date(limit.until as number).toISOString()])
    return {
      paused: paused.map(subjectText),
      breakers: Object.fromEntries(breakers),
      heldBack: Object.fromEntries(heldBack),
    }
  } catch (error) {
    if (error instanceof NotSupportedError) return undefined
    throw error
  }
}

/** One line for each kind, where there is something; `width`: of its name. */
export function blockedLines({ paused, breakers, heldBack }: Blocked, width: number): string[] {
  const opened = Object.entries(breakers).map(([limit, state]) => `${limit} ${state}`)
  const held = Object.entries(heldBack).map(([limit, until]) => `${limit} until ${until}`)
  const all: Readonly<Record<string, readonly string[]>> = {
    'paused: ': paused,
    'breakers: ': opened,
    'held back: ': held,
  }
  return Object.entries(all)
    .filter(([, texts]) => texts.length > 0)
    .map(([name, texts]) => name.padEnd(width) + printable(texts.join(', ')))
}
