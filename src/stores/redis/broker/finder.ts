import { Deferred } from '../../../std/deferred.ts'
import { uuid } from '../../../std/id.ts'
import type { RedisConnection } from '../connection/connection.ts'
import { lanesOf } from '../limits/lanesOf.ts'
import { type Keys, PRIORITY_STEPS } from './keys.ts'
import { FIND, FIND_DELAYED } from './searchScripts.ts'

/** How many messages of each list, and how many delayed ones, are searched for a task. */
const MAX_SEARCHED_MESSAGES = 10_000
/** How many ids one walk looks for: each step sends them all. */
const MAX_IDS_PER_WALK = 1000

export interface FinderFacts {
  readonly connection: RedisConnection
  readonly keys: Keys
  /** Lease - visibility timeout, s. */
  readonly scoreOffset: number
}

/** A message that was taken: its text, the tag under which it is held, and the name of its queue or lane. */
export interface Found {
  readonly tag: string
  readonly text: string
  readonly name: string
}

interface Wanted {
  readonly id: string
  readonly queue: string | undefined
  readonly found: Deferred<Found | undefined>
}

/**
 * Takes waiting and delayed messages by the ids of their tasks. The lists of Celery have no index, so all messages have
 * to be read: in steps that take the server about a millisecond, between which other clients get their turn, one walk
 * at a time for all ids that were requested meanwhile.
 */
export class Finder {
  readonly #facts: FinderFacts
  readonly #waiting: Wanted[] = []
  #walking = false

  constructor(facts: FinderFacts) {
    this.#facts = facts
  }

  /** Undefined if it neither waits in `queue` nor is delayed, or is too far back. */
  find(id: string, queue: string | undefined): Promise<Found | undefined> {
    const found = new Deferred<Found | undefined>()
    this.#waiting.push({ id, queue, found })
    if (!this.#walking) {
      this.#walking = true
      setImmediate(() => void this.#walkAll())
    }
    return found.promise
  }

  async #walkAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const some = this.#waiting.splice(0, MAX_IDS_PER_WALK)
      try {
        await this.#walk(some)
      } catch (error) {
        for (const { found } of some) found.reject(error)
      }
    }
    this.#walking = false
  }

  async #walk(wanted: readonly Wanted[]): Promise<void> {
    const open = new Map<string, Wanted[]>()
    for (const one of wanted) open.set(one.id, [...(open.get(one.id) ?? []), one])
    for (const [queue, some] of Map.groupBy(wanted, (one) => one.queue)) {
      if (queue !== undefined) await this.#walkLists(queue, new Set(some.map(({ id }) => id)), open)
    }
    await this.#walkDelayed(open)
    for (const left of open.values()) for (const { found } of left) found.resolve(undefined)
  }

  async #walkLists(queue: string, ids: Set<string>, open: Map<string, Wanted[]>): Promise<void> {
    const { connection, keys } = this.#facts
    await this.#walkNamed(keys.lists(queue), [queue], ids, open)
    for await (const lanes of lanesOf(connection, keys, queue)) {
      if (ids.size === 0) return
      const lists = lanes.flatMap((lane) => keys.lists(lane))
      await this.#walkNamed(lists, lanes, ids, open)
    }
  }

  /** `lists`: those of each of these queues or lanes. */
  async #walkNamed(
    lists: readonly string[],
    names: readonly string[],
    ids: Set<string>,
    open: Map<string, Wanted[]>,
  ): Promise<void> {
    const { connection, keys, scoreOffset } = this.#facts
    const all = [keys.unacked, keys.index, ...lists]
    const named = names.flatMap((name) => PRIORITY_STEPS.map(() => name))
    for (let list = 1, from = 0; list > 0 && ids.size > 0; ) {
      const args = [scoreOffset, `celeriac take ${uuid()}.`, keys.prefix, list, from, MAX_SEARCHED_MESSAGES]
      const [at, looked, ...found] = (await connection.script(FIND, all, [...args, ...named, ...ids])) as [
        number,
        number,
        ...string[],
      ]
      for (const id of taken(found, open)) ids.delete(id)
      list = at
      from = looked
    }
  }

  async #walkDelayed(open: Map<string, Wanted[]>): Promise<void> {
    const { keys, scoreOffset } = this.#facts
    const held = [keys.unacked, keys.index, keys.parked]
    for (let cursor = '', looked = 0; cursor !== '0' && looked < MAX_SEARCHED_MESSAGES && open.size > 0; ) {
      const place = [`celeriac take ${uuid()}.`, keys.prefix, cursor === '' ? '0' : cursor]
      const args = [scoreOffset, ...place, ...open.keys()]
      const [next, count, ...found] = (await this.#facts.connection.script(FIND_DELAYED, held, args)) as [
        string,
        number,
        ...string[],
      ]
      taken(found, open)
      cursor = next
      looked += count
    }
  }
}

/**
 * Answer the callers that asked for one of these: id, tag, text and name of each. If two callers want one message the
 * first one gets it. Returns the ids.
 */
function taken(found: readonly string[], open: Map<string, Wanted[]>): string[] {
  const ids: string[] = []
  for (let at = 0; at < found.length; at += 4) {
    const [id, tag, text, name] = found.slice(at, at + 4) as [string, string, string, string]
    const [first, ...others] = open.get(id) ?? []
    first?.found.resolve({ tag, text, name })
    for (const other of others) other.found.resolve(undefined)
    open.delete(id)
    ids.push(id)
  }
  return ids
}
