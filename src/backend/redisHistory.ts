import { Batch } from '../broker/redis/batch.ts'
import type { RedisConnection } from '../broker/redis/connection.ts'
import type { TaskMeta } from '../protocol/result.ts'
import { isFinal, PENDING } from '../protocol/states.ts'
import { type History, type HistoryQuery, unlogged } from './history.ts'

/*
 * The log of a task in Redis: a list beside its record, each element a number, a space, and the record as it was stored then. It is
 * written by the script that stores the record (`redisStore.ts`), and expires with it.
 */

/** Key of the log that belongs to a record. */
export function logKeyOf(recordKey: string): string {
  return recordKey.replace('celery-task-meta-', 'celeriac.events-')
}

/**
 * KEYS are a record and its log, for each; ARGV the number after which it is asked for. Answers the record ('': none), 1 where it is the
 * newest of the log, the first and the last number, and the elements after the one asked for.
 */
const HISTORY = `
local out = {}
for at = 1, #KEYS, 2 do
  local item = {redis.call('GET', KEYS[at]) or '', 0, 1, 1, {}}
  local newest = item[1] ~= '' and redis.call('LINDEX', KEYS[at + 1], -1)
  if newest then
    local number, from = string.match(newest, '^(%d+) ()')
    local last, length = tonumber(number), redis.call('LLEN', KEYS[at + 1])
    if string.sub(newest, from) == item[1] then item[2] = 1 end
    item[3], item[4] = last - length + 1, last
    local wanted = math.min(length, last - tonumber(ARGV[(at + 1) / 2]))
    if wanted > 0 then item[5] = redis.call('LRANGE', KEYS[at + 1], -wanted, -1) end
  end
  out[#out + 1] = item
end
return out
`

/** Most keys of one command. */
const MOST = 1000

/** `logged`: it may have a log, as one of those has that were asked for together with it. */
interface Found {
  readonly record: Buffer | null
  readonly logged: boolean
}

type Item = readonly [record: Buffer, counted: number, first: number, last: number, logged: readonly Buffer[]]

/** What the reader of histories needs of the backend. */
export interface HistorySource {
  keyOf(id: string): string
  /** Throws DecodeError. */
  read(bytes: Buffer): TaskMeta
}

/** Reads histories; those of one turn of the event loop in one call. */
export class RedisHistory {
  readonly #connection: RedisConnection
  readonly #source: HistorySource
  readonly #reads: Batch<HistoryQuery, Item>
  readonly #records: Batch<string, Found>

  constructor(connection: RedisConnection, source: HistorySource) {
    this.#connection = connection
    this.#source = source
    this.#reads = new Batch(async (queries) => {
      const keys = queries.flatMap(({ id }) => [source.keyOf(id), this.#logOf(id)])
      const afters = queries.map(({ after }) => after)
      // Not by its hash: the answer holds bytes, and the text is short.
      return (await connection.commandBytes('EVAL', HISTORY, keys.length, ...keys, ...afters)) as Item[]
    })
    this.#records = new Batch((ids) => this.#find(ids))
  }

  /** Most tasks have no log: the record, and for one that has ended whether there is a log, tell all. A log does not grow after the end. */
  async read(query: HistoryQuery): Promise<History | undefined> {
    const { record, logged } = await this.#records.add(query.id)
    if (!record) return undefined
    const meta = this.#source.read(record)
    const isPlain = meta.status === PENDING || (isFinal(meta.status) && !logged)
    return isPlain ? unlogged(meta) : this.#readLogged(query)
  }

  /** The records first: a log that is not there afterwards was not there before the end of its task either. */
  async #find(ids: readonly string[]): Promise<Found[]> {
    const found: Found[] = []
    for (let from = 0; from < ids.length; from += MOST) {
      const some = ids.slice(from, from + MOST)
      const [records, logs] = await Promise.all([
        this.#connection.commandBytes('MGET', ...some.map((id) => this.#source.keyOf(id))),
        this.#connection.command('EXISTS', ...some.map((id) => this.#logOf(id))),
      ])
      for (const record of records as (Buffer | null)[]) found.push({ record, logged: Number(logs) > 0 })
    }
    return found
  }

  async #readLogged(query: HistoryQuery): Promise<History | undefined> {
    const [record, counted, first, last, logged] = await this.#reads.add(query)
    if (record.length === 0) return undefined
    const changes = logged.map((element) => {
      const space = element.indexOf(0x20)
      const meta = this.#source.read(element.subarray(space + 1))
      return { seq: Number(element.subarray(0, space).toString()), meta }
    })
    return { meta: this.#source.read(record), counted: counted === 1, first, last, logged: changes }
  }

  #logOf(id: string): string {
    return logKeyOf(this.#source.keyOf(id))
  }
}
