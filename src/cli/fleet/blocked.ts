import type { App } from '../../app/app.ts'
import { MAX_LISTED } from '../../app/limits/limits.ts'
import { subjectText } from '../../config/task/limitPlan.ts'
import { NotSupportedError } from '../../std/errors.ts'
import { printable } from './printable.ts'

/** What begins nothing, or little, on all workers of a store. */
export interface Blocked {
  readonly paused: readonly string[]
  /** State by name of those that are not closed, of the limits that are in use: at most 1000 are looked at. */
  readonly breakers: Readonly<Record<string, string>>
}

/** Undefined where the store keeps no limits. Rejects with StoreUnavailableError. */
export async function blockedOf(app: App): Promise<Blocked | undefined> {
  try {
    const [paused, used] = await Promise.all([app.limits.paused(), app.limits.list({ limit: MAX_LISTED })])
    const breakers = used.flatMap((limit) => {
      const { breaker = 'closed' } = limit
      return breaker === 'closed' ? [] : [[subjectText(limit), breaker] as const]
    })
    return { paused: paused.map(subjectText), breakers: Object.fromEntries(breakers) }
  } catch (error) {
    if (error instanceof NotSupportedError) return undefined
    throw error
  }
}

/** One line for each of the two, where there is something; `width`: of its name. */
export function blockedLines({ paused, breakers }: Blocked, width: number): string[] {
  const opened = Object.entries(breakers).map(([limit, state]) => `${limit} ${state}`)
  const all: Readonly<Record<string, readonly string[]>> = { 'paused: ': paused, 'breakers: ': opened }
  return Object.entries(all)
    .filter(([, texts]) => texts.length > 0)
    .map(([name, texts]) => name.padEnd(width) + printable(texts.join(', ')))
}
