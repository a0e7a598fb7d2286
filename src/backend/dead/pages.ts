import { isRecord } from '../../std/isRecord.ts'
import { positionOf, requireLimit } from '../cursor.ts'
import { errorContains, hasWords, wordsOf } from '../jobSearch.ts'
import type {
  DeadLetter,
  DeadLetterBounds,
  DeadLetterFilter,
  DeadLetterPage,
  DeadLetterQuery,
  KeptDeadLetter,
  NewDeadLetter,
} from './deadLetters.ts'

/*
 * What every store does alike with dead letters: how they are written down, and what fits a filter.
 */

/** How many are kept, how many bytes, and how long, where that is not said. */
export const DEFAULT_BOUNDS: DeadLetterBounds = { expires: 30 * 86_400_000, max: 100_000, maxBytes: 1024 ** 3 }

/** How many are read for one page where the store cannot search: a page takes some ten milliseconds. */
const MAX_SEARCHED = 1000

/** Reads at most `count` in the order of the query, behind the version `after`. Absent versions were dropped. */
export type ReadWindow = (after: number, count: number) => Promise<readonly DeadLetter[]>

/**
 * One page. `decides`: the store itself leaves out what does not fit, but for `q` and `error`. `now`: ms since the
 * epoch; what has expired then is left out. Throws ArgumentError.
 */
export async function pageOf(
  query: DeadLetterQuery,
  { expires }: DeadLetterBounds,
  now: number,
  read: ReadWindow,
  decides = false,
): Promise<DeadLetterPage> {
  const { limit, cursor, oldest = false } = query
  requireLimit(limit)
  const fits = fitting(query, expires === 0 ? 0 : now - expires)
  const isPlain = query.q === undefined && query.error === undefined && (decides || isUnfiltered(query))
  const letters: DeadLetter[] = []
  let after = cursor === undefined && oldest ? 0 : positionOf(limit, cursor)
  for (let seen = 0; seen < MAX_SEARCHED; ) {
    const count = isPlain ? limit - letters.length + 1 : MAX_SEARCHED
    const some = await read(after, count)
    for (const letter of some) {
      if (!fits(letter)) continue
      if (letters.length === limit) return { letters, cursor: String(letters.at(-1)?.version) }
      letters.push(letter)
    }
    if (some.length < count) return { letters }
    after = some.at(-1)?.version ?? after
    seen += some.length
  }
  return { letters, cursor: String(after) }
}

function isUnfiltered({ task, tasks, queue, reason, since, owner, tag }: DeadLetterFilter): boolean {
  return [task, tasks, queue, reason, since, owner, tag].every((value) => value === undefined)
}

/** `from`: those that died before this moment have expired. */
function fitting(filter: DeadLetterFilter, from: number): (letter: DeadLetter) => boolean {
  const { task, tasks, queue, reason, error, owner, tag, since = 0, q } = filter
  const words = q === undefined ? undefined : wordsOf(q)
  return (letter) => {
    const { id, tags } = letter
    if (letter.died < Math.max(since, from)) return false
    if (task !== undefined && letter.task !== task) return false
    if (tasks !== undefined && !tasks.includes(letter.task ?? '')) return false
    if (queue !== undefined && letter.queue !== queue) return false
    if (reason !== undefined && letter.reason !== reason) return false
    if (owner !== undefined && letter.owner !== owner) return false
    if (tag !== undefined && !tags?.includes(tag)) return false
    if (error !== undefined && !errorContains(letter.error, error)) return false
    return !words || hasWords(words, { id, task: letter.task, tags, status: 'FAILURE', error: () => letter.error })
  }
}

/** What of a dead letter is kept as JSON beside its id, its message, its owner and its tags. */
export function factsText({ envelope, id: _, ...facts }: NewDeadLetter): string {
  return JSON.stringify({ ...facts, bytes: sizeOf(envelope.body) })
}

/** The facts of a dead letter whose message is another one. */
export function editedFacts({
  version: _,
  id: __,
  owner: ___,
  tags: ____,
  envelope,
  ...facts
}: KeptDeadLetter): string {
  return JSON.stringify({ ...facts, bytes: sizeOf(envelope.body) })
}

/** How `factsText` is read. Throws SyntaxError for a text that it did not write. */
export function readFacts(text: string, own: Pick<DeadLetter, 'id' | 'version' | 'owner' | 'tags'>): DeadLetter {
  const facts: unknown = JSON.parse(text)
  if (!isRecord(facts)) throw new SyntaxError(`the dead letter ${own.id}: expected an object, got ${text.slice(0, 80)}`)
  return { ...(facts as Omit<DeadLetter, keyof typeof own>), ...own }
}

/** Headers and properties of a message, as JSON. AMQP's headers may have what JSON has not. */
export function headText({ headers, properties }: NewDeadLetter['envelope']): string {
  return JSON.stringify([headers, properties], (_, value: unknown) =>
    typeof value === 'bigint' ? String(value) : value,
  )
}

/** Bytes that a message takes, with its headers and properties as `headText` writes them. */
export function messageSize(head: string, body: string | Uint8Array): number {
  return sizeOf(head) + sizeOf(body)
}

function sizeOf(text: string | Uint8Array): number {
  return Buffer.byteLength(text)
}
