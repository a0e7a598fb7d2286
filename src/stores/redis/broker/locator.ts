import type { FoundMessage } from '../../../broker/broker.ts'
import { queueOfLane } from '../../../broker/lane.ts'
import { itemTexts } from '../../../protocol/jsonMembers.ts'
import type { RedisConnection } from '../connection/connection.ts'
import { lanesOf } from '../limits/lanesOf.ts'
import { readEnvelope } from './envelope.ts'
import { FIND_HELD, FIND_WAITING } from './findScripts.ts'
import type { Keys } from './keys.ts'

/** How many messages of each list, and how many that are held or delayed, are searched for a task. */
const MAX_SEARCHED_MESSAGES = 10_000

/** The message of a task, and where the store has it. */
export interface Place {
  readonly found: FoundMessage
  /** The envelope as it is written. */
  readonly text: string
  /** Its list and the text there; or its tag and the value there. */
  readonly key: string
  readonly value: string
  /** Of one that waits: its lane, if it is in one. */
  readonly lane?: string | undefined
  /** Seconds since the epoch: until when it is held or delayed. */
  readonly until?: number
}

/** What the search needs. */
export interface LocatorFacts {
  readonly connection: RedisConnection
  readonly keys: Keys
  /** Visibility timeout, s. */
  readonly visibility: number
}

/**
 * Finds the message of a task and leaves it where it is: in its list, among the delayed ones, or held. In steps, as
 * `Finder`.
 */
export async function locate(facts: LocatorFacts, id: string, queue: string): Promise<Place | undefined> {
  return (await inLists(facts, id, queue)) ?? (await amongHeld(facts, id))
}

async function inLists(facts: LocatorFacts, id: string, queue: string): Promise<Place | undefined> {
  const { connection, keys } = facts
  const place = await inSome(facts, id, queue, keys.lists(queue))
  if (place) return place
  for await (const lanes of lanesOf(connection, keys, queue)) {
    const lists = lanes.flatMap((lane) => keys.lists(lane))
    const inLane = await inSome(facts, id, queue, lists)
    if (inLane) return { ...inLane, lane: lanes.find((lane) => keys.lists(lane).includes(inLane.key)) }
  }
  return undefined
}

/** In one of these lists of the queue, or of its lanes. */
async function inSome(
  { connection }: LocatorFacts,
  id: string,
  queue: string,
  lists: readonly string[],
): Promise<Place | undefined> {
  for (let list = 1, from = 0; list > 0; ) {
    const answer = await connection.script(FIND_WAITING, lists, [id, list, from, MAX_SEARCHED_MESSAGES])
    const [next, looked, at, text] = answer as [number, number, number?, string?]
    if (at !== undefined && text !== undefined) {
      const { envelope, lost } = readEnvelope(text)
      return { found: { envelope, queue, place: 'waiting', lost }, text, key: lists[at - 1] as string, value: text }
    }
    list = next
    from = looked
  }
  return undefined
}

async function amongHeld({ connection, keys, visibility }: LocatorFacts, id: string): Promise<Place | undefined> {
  const held = [keys.unacked, keys.index, keys.parked]
  for (let cursor = '', looked = 0; cursor !== '0' && looked < MAX_SEARCHED_MESSAGES; ) {
    const answer = await connection.script(FIND_HELD, held, [id, cursor === '' ? '0' : cursor])
    const [next, count, tag, value, delayed, score] = answer as [string, number, string?, string?, number?, string?]
    if (tag !== undefined && value !== undefined) {
      const until = score ? Number(score) + visibility : undefined
      return placeOf(tag, value, delayed === 1, until)
    }
    cursor = next
    looked += count
  }
  return undefined
}

function placeOf(key: string, value: string, delayed: boolean, until: number | undefined): Place {
  const [text = '', , route = '""'] = itemTexts(value)
  const { envelope, lost } = readEnvelope(text)
  const moment = until === undefined ? undefined : until * 1000
  const name = JSON.parse(route) as string
  const found: FoundMessage = { envelope, queue: queueOfLane(name), place: 'held', lost, leaseEnds: moment }
  return {
    found: delayed ? { ...found, place: 'delayed', due: moment, leaseEnds: undefined } : found,
    text,
    key,
    value,
    until,
  }
}
