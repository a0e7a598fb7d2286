import { requireLimit } from '../../../backend/cursor.ts'
import { fits } from '../../../backend/jobFilter.ts'
import type { ListFilter, MetaPage } from '../../../backend/jobIndex.ts'
import { hasWords, wordsBeside, wordsOf } from '../../../backend/jobSearch.ts'
import { delayOf, staleAfter } from '../../../backend/retention.ts'
import type { Submission } from '../../../backend/unitOfWork.ts'
import { ERROR_STATES, errorOf } from '../../../protocol/exception.ts'
import { STATUS_HEAD_BYTES, type TaskMeta } from '../../../protocol/result.ts'
import type { Clock } from '../../../std/clock.ts'
import { ArgumentError } from '../../../std/errors.ts'
import type { Arg, RedisConnection, Script } from '../connection/connection.ts'
import type { RedisNotes, Said } from './notes.ts'

/*
 * The index of the jobs that `list` lists, beside Celery's keys: a sorted set of the ids of jobs that were submitted
 * with metadata, by the moment of their submission in ms. Records expire by themselves, so their ids are dropped when
 * they are found, by a list or by the sweep that some submissions make.
 */

/** Lua: `drop_gone(jobs, record, ids)`: drops the ids without a record from the index. */
const DROP_LUA = `
local function drop_gone(jobs, record, ids)
  local gone = {}
  for _, id in ipairs(ids) do
    if redis.call('EXISTS', record .. id) == 0 then gone[#gone + 1] = id end
  end
  for from = 1, #gone, 1000 do redis.call('ZREM', jobs, unpack(gone, from, math.min(from + 999, #gone))) end
end
`

/**
 * Lua: `index_jobs(entries, jobs, record, most, before, part, ttl)`: add `entries`, score and id of each; the other
 * arguments are those of `indexArgs`. Where `most` is not 0, that many ids from before `before` are checked, beginning
 * as far into them as `part` says (0 to 1).
 */
export const INDEX_LUA: string = `${DROP_LUA}
local function index_jobs(entries, jobs, record, most, before, part, ttl)
  for from = 1, #entries, 2000 do redis.call('ZADD', jobs, unpack(entries, from, math.min(from + 1999, #entries))) end
  if most ~= '0' then
    local old = redis.call('ZCOUNT', jobs, '-inf', before)
    local first = math.floor(math.max(0, old - most) * part)
    local last = math.min(first + most, old) - 1
    if last >= first then drop_gone(jobs, record, redis.call('ZRANGE', jobs, first, last)) end
  end
  if ttl ~= '' and redis.call('PTTL', jobs) < tonumber(ttl) then redis.call('PEXPIRE', jobs, ttl) end
end
`

/** How many arguments of a script `indexArgs` makes. */
export const INDEX_ARGS = 6

const DROP: Script = { name: 'drop from index', source: `${DROP_LUA} drop_gone(KEYS[1], ARGV[1], {unpack(ARGV, 2)})` }

/**
 * KEYS[1] is the index; ARGV score and id of a position in it, and a count. Answers that many ids below it, the highest
 * first, each with its score. Ids of one score are in the order of their bytes, by which no command searches: halving
 * finds the position, even if its id is gone.
 */
const BELOW: Script = {
  name: 'index below',
  source: `
local function is_below(a, b)
  for at = 1, math.min(#a, #b) do
    local x, y = string.byte(a, at), string.byte(b, at)
    if x ~= y then return x < y end
  end
  return #a < #b
end
local score, id = ARGV[1], ARGV[2]
local from, to = redis.call('ZCOUNT', KEYS[1], '(' .. score, '+inf'), redis.call('ZCOUNT', KEYS[1], score, '+inf')
while from < to do
  local middle = math.floor((from + to) / 2)
  if is_below(redis.call('ZREVRANGE', KEYS[1], middle, middle)[1], id) then to = middle else from = middle + 1 end
end
return redis.call('ZREVRANGE', KEYS[1], from, from + ARGV[3] - 1, 'WITHSCORES')
`,
}

/** Least time between two sweeps of one process, ms. */
const SWEEP_INTERVAL_MS = 1000
/** How many ids one sweep reads at most, so that it does not block the server for long. */
const MAX_SWEPT_IDS = 5000
/** Records that are read at once: each may contain a long result. */
const RECORDS_PER_READ = 200
/** Records read for one page: this many, or this many times the limit of the page, whichever is more. */
const MIN_SEARCHED_RECORDS = 1000
const SEARCHED_PER_RESULT = 10

/** Longer than any index is used, ms. */
const FOREVER_MS = 100 * 365 * 86_400_000

/** A position in the index. */
interface Place {
  readonly id: string
  /** ms since the epoch. */
  readonly score: number
}

/** An entry of the index, and the metadata of the job, where it was requested. */
interface Listed {
  readonly place: Place
  readonly said?: Said
}

interface Found {
  readonly place: Place
  readonly meta: TaskMeta
}

/** What the index needs from the backend. */
export interface IndexSource {
  keyOf(id: string): string
  /** The stored bytes of each, null where there are none. */
  fetch(ids: readonly string[]): Promise<(Buffer | null)[]>
  read(bytes: Buffer, id: string): TaskMeta
}

/** Writes and reads the index. */
export class RedisJobIndex {
  readonly key: string
  readonly #connection: RedisConnection
  readonly #expires: number
  readonly #clock: Clock
  readonly #notes: RedisNotes
  readonly #source: IndexSource
  #swept = 0
  /** Number of entries added since the last sweep. */
  #added = 0

  /** `prefix` begins every key; `expires` is how long a final record is kept, ms, 0 for ever. */
  constructor(
    connection: RedisConnection,
    { prefix, expires, clock }: { prefix: string; expires: number; clock: Clock },
    notes: RedisNotes,
    source: IndexSource,
  ) {
    this.#connection = connection
    this.key = `${prefix}celeriac.jobs`
    this.#expires = Math.ceil(expires)
    this.#clock = clock
    this.#notes = notes
    this.#source = source
  }

  /**
   * The arguments of `index_jobs` after the entries of these submissions. Sweeps twice as many as are added, so that
   * the index follows the records.
   */
  indexArgs(items: readonly Pick<Submission, 'meta'>[]): readonly Arg[] {
    this.#added += items.length
    const now = this.#clock.now()
    const record = this.#source.keyOf('')
    const delay = items.reduce((longest, { meta }) => Math.max(longest, meta ? this.#beyond(meta, now) : 0), 0)
    // Without submissions there is no sweep: by then all records are gone, and so is the index.
    const ttl = staleAfter(this.#expires) + this.#expires + delay
    if (this.#expires === 0) return [this.key, record, '0', '', '', '']
    if (now - this.#swept < SWEEP_INTERVAL_MS) return [this.key, record, '0', '', '', delay > 0 ? ttl : '']
    const most = Math.min(100 + 2 * this.#added, MAX_SWEPT_IDS)
    this.#swept = now
    this.#added = 0
    return [this.key, record, most, now - this.#expires, Math.random(), ttl]
  }

  /** How much longer its record may be kept than that of a task which is due now, ms. */
  #beyond(meta: TaskMeta, now: number): number {
    const { result_expires: own = this.#expires } = meta
    return delayOf(meta, now) + (own === 0 ? FOREVER_MS : Math.max(0, own - this.#expires))
  }

  /** Add a job of a store that keeps results alone. A later record of the same id does not move it. */
  async add(meta: TaskMeta): Promise<void> {
    const args = this.indexArgs([{ meta }])
    await this.#connection.script(ADD, [], [this.scoreOf(meta), meta.task_id, ...args])
  }

  async list({ limit, cursor, since = 0, q, ...rest }: ListFilter): Promise<MetaPage> {
    requireLimit(limit)
    const filter = { ...rest, words: q === undefined ? undefined : wordsOf(q) }
    let place = cursor === undefined ? undefined : placeOf(cursor)
    const found: Found[] = []
    const most = Math.max(MIN_SEARCHED_RECORDS, limit * SEARCHED_PER_RESULT)
    for (let looked = 0; looked < most; looked += RECORDS_PER_READ) {
      const places = (await this.#below(place)).filter(({ score }) => score >= since)
      found.push(...(await this.#find(places, filter)))
      const last = found[limit - 1]
      if (last && found.length > limit) return { metas: metasOf(found.slice(0, limit)), cursor: cursorOf(last.place) }
      if (places.length < RECORDS_PER_READ) return { metas: metasOf(found) }
      place = places.at(-1)
    }
    return { metas: metasOf(found), cursor: place && cursorOf(place) }
  }

  /** By which a job is found in the index: when it was submitted, ms since the epoch. */
  scoreOf({ date_submitted }: TaskMeta): number {
    return date_submitted === undefined ? this.#clock.now() : Date.parse(date_submitted)
  }

  /** Out of the index. */
  async remove(ids: readonly string[]): Promise<void> {
    await this.#connection.command('ZREM', this.key, ...ids)
  }

  async #below(place: Place | undefined): Promise<Place[]> {
    const args = [place?.score ?? '+inf', place?.id ?? '', RECORDS_PER_READ]
    const flat = (await this.#connection.script(BELOW, [this.key], args)) as string[]
    const places: Place[] = []
    for (let at = 0; at < flat.length; at += 2) places.push({ id: flat[at] as string, score: Number(flat[at + 1]) })
    return places
  }

  /**
   * The jobs that fit. A record that Python's Celery wrote over ours may lack the name and the moment: both are known
   * here.
   */
  async #find(places: readonly Place[], filter: Filter): Promise<Found[]> {
    const wanted = await this.#wanted(places, filter)
    const stored = await this.#source.fetch(wanted.map(({ place }) => place.id))
    await this.#drop(wanted.flatMap(({ place }, at) => (stored[at] === null ? [place] : [])))
    const read = stored.map((bytes, at) => (bytes ? this.#source.read(bytes, wanted[at]?.place.id ?? '') : undefined))
    const metas = await this.#notes.named(read)
    return wanted.flatMap((one, at): Found[] => {
      const { place } = one
      const meta = metas[at]
      if (!meta || !isFound(meta, one, filter)) return []
      const { date_submitted = new Date(place.score).toISOString() } = meta
      return [{ place, meta: { ...meta, date_submitted } }]
    })
  }

  /** The jobs that may fit, as far as can be decided without their records. */
  async #wanted(places: readonly Place[], { owner, tag, words }: Filter): Promise<Listed[]> {
    if (owner === undefined && tag === undefined && !words) return places.map((place) => ({ place }))
    const heads = await this.#notes.said(places.map(({ id }) => id))
    const listed = places.flatMap((place, at): Listed[] => {
      const said = heads[at]
      const its = (owner === undefined || said?.owner === owner) && (tag === undefined || said?.tags?.includes(tag))
      return its ? [{ place, said }] : []
    })
    return words ? this.#promising(listed, words) : listed
  }

  /**
   * The jobs whose known fields contain the words, or whose error may contain them. Most long records are results, not
   * errors.
   */
  async #promising(listed: readonly Listed[], words: readonly string[]): Promise<Listed[]> {
    const isOpen = ({ place: { id }, said }: Listed): boolean =>
      said?.task !== undefined && wordsBeside(words, { id, task: said.task, tags: said.tags }).length > 0
    const open = listed.filter(isOpen)
    if (open.length === 0) return [...listed]
    const heads = await this.#connection.pipeline(
      open.map(({ place }) => ['GETRANGE', this.#source.keyOf(place.id), 0, STATUS_HEAD_BYTES - 1] as const),
    )
    const out = new Set(open.filter((_, at) => isWithoutError(heads[at] as string)))
    return listed.filter((one) => !out.has(one))
  }

  async #drop(places: readonly Place[]): Promise<void> {
    if (places.length === 0) return
    const ids = places.map(({ id }) => id)
    await this.#connection.script(DROP, [this.key], [this.#source.keyOf(''), ...ids])
  }
}

/** ARGV: score and id, then the arguments of `indexArgs`. */
const ADD: Script = {
  name: 'index',
  source: `${INDEX_LUA}
if redis.call('ZSCORE', ARGV[3], ARGV[2]) then return end
index_jobs({ARGV[1], ARGV[2]}, unpack(ARGV, 3))`,
}

interface Filter extends Omit<ListFilter, 'limit' | 'cursor' | 'since' | 'q'> {
  /** Of the search. */
  readonly words: readonly string[] | undefined
}

function isFound(meta: TaskMeta, { said }: Listed, { words, ...filter }: Filter): boolean {
  const { task_id: id, name, status } = meta
  if (!fits({ state: status, task: name }, filter)) return false
  return !words || hasWords(words, { id, task: name, tags: said?.tags, status, error: () => errorOf(meta) })
}

/**
 * Decided by the beginning of a record, which has its state first, in JSON and msgpack, also when Celery wrote it. If
 * it is not certain, the record may have an error.
 */
function isWithoutError(head: string): boolean {
  return /^.{1,9}status/s.test(head) && !ERROR_STATES.some((state) => head.includes(state))
}

function metasOf(found: readonly Found[]): TaskMeta[] {
  return found.map(({ meta }) => meta)
}

function cursorOf({ score, id }: Place): string {
  return `${score}-${id}`
}

/** Throws ArgumentError for a cursor that no page returned. */
function placeOf(cursor: string): Place {
  const [, score, id] = /^(\d{1,15})-(.{1,255})$/su.exec(cursor) ?? []
  if (score === undefined || id === undefined)
    throw new ArgumentError(`cursor: expected one that a page gave, got ${JSON.stringify(cursor)}`)
  return { score: Number(score), id }
}
