import { emitted, type History, type HistoryQuery, type LoggedChange, unlogged } from '../../../backend/eventLog.ts'
import type { TaskMeta } from '../../../protocol/result.ts'
import { isFinal, PENDING } from '../../../protocol/states.ts'
import { pieces } from '../../../std/chunks.ts'
import { Batch } from '../connection/batch.ts'
import type { RedisConnection } from '../connection/connection.ts'

/*
 * The log of a task in Redis: a list beside its record, each element a number, a space, and the record as it was stored
 * then. The script that stores the record writes it (`recordScript.ts`), and it expires with the record. It contains
 * the emissions of tasks, too (`output.ts`).
 */

/** Key of the log that belongs to a record. */
export function logKeyOf(recordKey: string): string {
  return recordKey.replace('celery-task-meta-', 'celeriac.events-')
}

/**
 * KEYS are a record and its log, for each; ARGV the number after which to read. Answers the record (nil: none), 1 where
 * it is the newest of the states in the log, the first and the last number, the elements after the given number, and
 * the number of the newest state.
 */
const READ_LOG_LUA = `
local out = {}
for at = 1, #KEYS, 2 do
  local item = {redis.call('GET', KEYS[at]), 0, 1, 1, {}, 1}
  local newest = item[1] and redis.call('LINDEX', KEYS[at + 1], -1)
  if newest then
    local number, from = string.match(newest, '^(%d+) ()')
    local last, length = tonumber(number or 1), redis.call('LLEN', KEYS[at + 1])
    local state = tonumber(string.match(newest, '^%d+ (%d+) ')) or last
    item[3], item[4], item[6] = last - length + 1, last, state
    if state < last then
      newest = state >= item[3] and redis.call('LINDEX', KEYS[at + 1], state - item[3])
      from = newest and string.match(newest, '^%d+ ()')
    end
    if newest then
      if string.sub(newest, from) == item[1] then item[2] = 1 end
    elseif state > 1 then
      item[2] = 1
    end
    local wanted = math.min(length, last - tonumber(ARGV[(at + 1) / 2]))
    if wanted > 0 then item[5] = redis.call('LRANGE', KEYS[at + 1], -wanted, -1) end
  end
  out[#out + 1] = item
end
return out
`

const MAX_KEYS_PER_COMMAND = 1000

/** `logged`: it may have a log, because one of those that were requested together with it has one. */
interface Found {
  readonly record: Buffer | null
  readonly logged: boolean
}

type Item = readonly [
  record: Buffer | null,
  counted: number,
  first: number,
  last: number,
  logged: readonly Buffer[],
  state: number,
]

/** What the reader of histories needs from the backend. */
export interface HistorySource {
  keyOf(id: string): string
  read(bytes: Buffer, id: string): TaskMeta
}

/** Reads histories; those of one turn of the event loop in one call. */
export class RedisEventLog {
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
      // Not by its hash: the answer contains bytes, and the text is short.
      return (await connection.commandBytes('EVAL', READ_LOG_LUA, keys.length, ...keys, ...afters)) as Item[]
    })
    this.#records = new Batch((ids) => this.#find(ids))
  }

  /**
   * Most tasks have no log: the record is enough, and for a task that waits or has ended, whether there is a log. A log
   * does not grow after the end.
   */
  async read(query: HistoryQuery): Promise<History | undefined> {
    const { record, logged } = await this.#records.add(query.id)
    if (!record) return undefined
    const meta = this.#source.read(record, query.id)
    const isPlain = !logged && (meta.status === PENDING || isFinal(meta.status))
    return isPlain ? unlogged(meta) : this.#readLogged(query)
  }

  /** The records first: if there is no log afterwards, there was none before the end of the task either. */
  async #find(ids: readonly string[]): Promise<Found[]> {
    const found: Found[] = []
    for (const some of pieces(ids, MAX_KEYS_PER_COMMAND)) {
      const [records, logs] = await Promise.all([
        this.#connection.commandBytes('MGET', ...some.map((id) => this.#source.keyOf(id))),
        this.#connection.command('EXISTS', ...some.map((id) => this.#logOf(id))),
      ])
      for (const record of records as (Buffer | null)[]) found.push({ record, logged: Number(logs) > 0 })
    }
    return found
  }

  async #readLogged(query: HistoryQuery): Promise<History | undefined> {
    const [record, counted, first, last, elements, state] = await this.#reads.add(query)
    if (!record) return undefined
    const meta = this.#source.read(record, query.id)
    const logged = elements.map((element) => this.#readElement(element, meta))
    return { meta, counted: counted === 1, state, first, last, logged }
  }

  #readElement(element: Buffer, record: TaskMeta): LoggedChange {
    const space = element.indexOf(0x20)
    const seq = Number(element.subarray(0, space).toString())
    if (!isDigit(element[space + 1]))
      return { seq, meta: this.#source.read(element.subarray(space + 1), record.task_id) }
    // The number of the state and the run come before the emission.
    const body = element.indexOf(0x20, element.indexOf(0x20, space + 1) + 1) + 1
    return emitted(seq, element.subarray(body), record)
  }

  #logOf(id: string): string {
    return logKeyOf(this.#source.keyOf(id))
  }
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39
}
