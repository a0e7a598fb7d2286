import { MAX_REVOKED } from '../../../backend/retention.ts'
import { isSet, terminated } from '../../../protocol/control.ts'
import type { TaskMessage } from '../../../protocol/message.ts'
import { pythonRepr } from '../../../protocol/repr.ts'
import { isRecord } from '../../../std/isRecord.ts'
import { RecentIds } from '../../../std/recentIds.ts'
import type { RevokedStamps } from '../../state.ts'
import type { Arguments, Command, CommandContext } from '../controlled.ts'
import { textsOf } from './arguments.ts'

/** Revoked tasks, in other ways than by `revoke`. */
export const REVOKE_COMMANDS: Readonly<Record<string, Command>> = {
  terminate: ({ task_id }, { revoke }) => terminated(revoke(textsOf(task_id, 'task_id', MAX_REVOKED), true)),
  revoke_by_stamped_headers: revokeByStamps,
}

/** Most values of stamps that a worker remembers, the newest. */
const MAX_REVOKED_STAMPS = 10_000
/** Most stamps in one command. */
const MAX_STAMPS = 1000

/** Stamps that are revoked, each name with a value. */
class Stamps implements RevokedStamps {
  readonly #known = new RecentIds(MAX_REVOKED_STAMPS)

  add(name: string, value: unknown): void {
    this.#known.add(keyOf(name, value))
  }

  matches({ stamps = {} }: Pick<TaskMessage, 'stamps'>): boolean {
    return Object.entries(stamps).some(([name, value]) =>
      valuesOf(value).some((one) => this.#known.has(keyOf(name, one))),
    )
  }
}

/** `headers`: values by name, each one or a list, or a list of texts `name=value`, as the command line has them. */
function revokeByStamps({ headers, terminate }: Arguments, { state, revoke }: CommandContext): unknown {
  const given = stampsOf(headers)
  const stamps = state.revokedStamps instanceof Stamps ? state.revokedStamps : new Stamps()
  const asked = new Stamps()
  for (const [name, values] of Object.entries(given)) {
    for (const value of values) {
      stamps.add(name, value)
      asked.add(name, value)
    }
  }
  state.revokedStamps = stamps
  if (!isSet(terminate)) return { ok: `headers ${pythonRepr(given)} flagged as revoked, but not terminated` }
  const running = [...state.running.values()].filter(({ message }) => asked.matches(message)).map(({ id }) => id)
  return terminated(revoke(running, true))
}

/** Throws TypeError. */
function stampsOf(headers: unknown): Readonly<Record<string, readonly unknown[]>> {
  const pairs = Array.isArray(headers) ? headers.map(pairOf) : isRecord(headers) ? Object.entries(headers) : []
  const stamps: Record<string, unknown[]> = {}
  let count = 0
  for (const [name, value] of pairs) {
    const values = valuesOf(value)
    count += values.length
    stamps[name] = [...(stamps[name] ?? []), ...values]
  }
  if (count > 0 && count <= MAX_STAMPS) return stamps
  throw new TypeError(`headers: expected values by name, or a list of name=value, of 1 to ${MAX_STAMPS}, got ${count}`)
}

function pairOf(text: unknown): readonly [string, unknown] {
  const [, name, value] = (typeof text === 'string' && /^([^=]{1,255})=(.{1,255})$/s.exec(text)) || []
  if (name === undefined) throw new TypeError(`headers: expected name=value, got ${pythonRepr(text, 80)}`)
  return [name, value]
}

function valuesOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [value]
}

function keyOf(name: string, value: unknown): string {
  return `${name}=${String(value)}`.slice(0, 600)
}
