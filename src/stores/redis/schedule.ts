import { pieces } from '../../std/chunks.ts'
import { uuid } from '../../std/id.ts'
import {
  type Due,
  type EntryChange,
  MAX_CLOCK_SKEW_MS,
  type ScheduleStore,
  type StoredEntry,
  type StoredRun,
} from '../scheduleStore.ts'
import type { Arg, RedisConnection, Script } from './connection/connection.ts'

/*
 * A schedule in Redis, below `<prefix>celeriac.schedule.<app>.`: `entries` (hash: name to token, blank, text), `due`
 * (sorted set: name by ms), `waiting` (set of names), `runs` (hash: id to text), `leases` (sorted set: id by ms) and
 * `touched` (exists after the first change). `changes` is the channel.
 */
const KEYS = `
local entries, due, waiting, runs, leases = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local function texts(key, names)
  local out = {}
  for from = 1, #names, 1000 do
    local to = math.min(from + 999, #names)
    for at, text in ipairs(redis.call('HMGET', key, unpack(names, from, to))) do
      if text then
        out[#out + 1] = names[from + at - 1]
        out[#out + 1] = text
      end
    end
  end
  return out
end
`

/**
 * ARGV: channel (empty: quiet), then of each change name, old token, new token (empty: none), text, due, waiting,
 * number of runs, and id, until, text of each.
 */
const SWAP: Script = {
  name: 'schedule swap',
  source: `${KEYS}
local at, out, changed = 2, {}, false
local function take()
  at = at + 1
  return ARGV[at - 1]
end
while at <= #ARGV do
  local name, from, token, text, time, waits, count = take(), take(), take(), take(), take(), take(), tonumber(take())
  local known = redis.call('HGET', entries, name)
  local mine
  if known then mine = from ~= '' and string.sub(known, 1, #from + 1) == from .. ' ' else mine = from == '' and token ~= '' end
  if mine then
    changed = true
    if token == '' then redis.call('HDEL', entries, name) else redis.call('HSET', entries, name, token .. ' ' .. text) end
    if time == '' then redis.call('ZREM', due, name) else redis.call('ZADD', due, time, name) end
    if waits == '1' then redis.call('SADD', waiting, name) else redis.call('SREM', waiting, name) end
  end
  for _ = 1, count do
    local id, til, run = take(), take(), take()
    if mine then
      redis.call('HSET', runs, id, run)
      redis.call('ZADD', leases, til, id)
    end
  end
  out[#out + 1] = mine and 1 or 0
end
if changed and ARGV[1] ~= '' then
  redis.call('SET', KEYS[6], 1)
  redis.call('PUBLISH', ARGV[1], '')
end
return out
`,
}

/**
 * ARGV: now, limit. Answers due entries, waiting ones (each name, text, …), ids of runs, and the moments of the next
 * due entry and of the next lease to end, where there are any.
 */
const DUE: Script = {
  name: 'schedule due',
  source: `${KEYS}
local names = redis.call('ZRANGEBYSCORE', due, '-inf', ARGV[1], 'LIMIT', 0, ARGV[2])
local next_due = redis.call('ZRANGEBYSCORE', due, '(' .. ARGV[1], '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
local next_lease = redis.call('ZRANGE', leases, 0, 0, 'WITHSCORES')
local times = {}
if next_due[2] then times[#times + 1] = next_due[2] end
if next_lease[2] then times[#times + 1] = next_lease[2] end
return {texts(entries, names), texts(entries, redis.call('SMEMBERS', waiting)), redis.call('HKEYS', runs), times}
`,
}

/** ARGV: now, until, limit, and the moment beyond which no claim is valid. Answers id, text, … */
const TAKE_RUNS: Script = {
  name: 'schedule take runs',
  source: `${KEYS}
local ids = redis.call('ZRANGEBYSCORE', leases, '-inf', ARGV[1], 'LIMIT', 0, ARGV[3])
local left = tonumber(ARGV[3]) - #ids
if left > 0 then
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', leases, '(' .. ARGV[4], '+inf', 'LIMIT', 0, left)) do ids[#ids + 1] = id end
end
for _, id in ipairs(ids) do redis.call('ZADD', leases, ARGV[2], id) end
return texts(runs, ids)
`,
}

/** ARGV: ids. */
const END_RUNS: Script = {
  name: 'schedule end runs',
  source: `${KEYS}
for _, id in ipairs(ARGV) do
  redis.call('HDEL', runs, id)
  redis.call('ZREM', leases, id)
end
`,
}

/** How many changes one script makes at most, so that it does not block the server for long. */
const MAX_CHANGES_PER_SCRIPT = 500

/** A schedule in Redis. */
export class RedisScheduleStore implements ScheduleStore {
  readonly url: string
  readonly #connection: RedisConnection
  readonly #keys: readonly string[]
  readonly #channel: string

  /** `prefix` begins every key. Apps that share a database have a schedule each. */
  constructor(connection: RedisConnection, prefix: string, app: string) {
    this.#connection = connection
    this.url = connection.url
    const base = `${prefix}celeriac.schedule.${app}.`
    this.#keys = ['entries', 'due', 'waiting', 'runs', 'leases', 'touched'].map((part) => base + part)
    this.#channel = `${base}changes`
  }

  async list(): Promise<readonly StoredEntry[]> {
    const found = (await this.#connection.command('HGETALL', this.#keys[0] as string)) as string[]
    return entriesOf(found).sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  async load(names: readonly string[]): Promise<readonly (StoredEntry | undefined)[]> {
    if (names.length === 0) return []
    const found = (await this.#connection.command('HMGET', this.#keys[0] as string, ...names)) as (string | null)[]
    return names.map((name, at) => {
      const text = found[at]
      return typeof text === 'string' ? entryOf(name, text) : undefined
    })
  }

  async swap(
    changes: readonly EntryChange[],
    { quiet = false }: { quiet?: boolean } = {},
  ): Promise<readonly boolean[]> {
    const answers = await Promise.all(
      pieces(changes, MAX_CHANGES_PER_SCRIPT).map((piece) =>
        this.#run(SWAP, [quiet ? '' : this.#channel, ...piece.flatMap(changeArgs)]),
      ),
    )
    return answers.flatMap((answer) => (answer as number[]).map((done) => done === 1))
  }

  async untouched(): Promise<boolean> {
    return (await this.#connection.command('EXISTS', this.#keys[5] as string)) === 0
  }

  async due(now: number, limit: number): Promise<Due> {
    const answer = (await this.#run(DUE, [now, limit])) as string[][]
    const [due = [], waiting = [], claimed = [], times = []] = answer
    const next = times.length === 0 ? undefined : Math.min(...times.map(Number))
    return { entries: entriesOf(due), waiting: entriesOf(waiting), claimed, next }
  }

  async takeRuns(now: number, until: number, limit: number): Promise<readonly StoredRun[]> {
    const found = (await this.#run(TAKE_RUNS, [now, until, limit, until + MAX_CLOCK_SKEW_MS])) as string[]
    return pairs(found).map(([id, text]) => ({ id, text }))
  }

  async endRuns(ids: readonly string[]): Promise<void> {
    await Promise.all(pieces(ids, MAX_CHANGES_PER_SCRIPT).map((some) => this.#run(END_RUNS, some)))
  }

  async onChange(listener: () => void): Promise<() => Promise<void>> {
    const stopReconnects = this.#connection.onReconnect(listener)
    try {
      const unsubscribe = await this.#connection.subscribe(this.#channel, listener)
      return async () => {
        stopReconnects()
        await unsubscribe()
      }
    } catch (error) {
      stopReconnects()
      throw error
    }
  }

  #run(script: Script, args: readonly Arg[]): Promise<unknown> {
    return this.#connection.script(script, this.#keys, args)
  }
}

function changeArgs({ name, from, to, runs = [] }: EntryChange): Arg[] {
  const what = to ? [uuid(), to.text, to.due ?? '', to.waiting ? '1' : '0'] : ['', '', '', '0']
  return [name, from ?? '', ...what, runs.length, ...runs.flatMap(({ id, until, text }) => [id, until, text])]
}

function entriesOf(found: readonly string[]): StoredEntry[] {
  return pairs(found).map(([name, text]) => entryOf(name, text))
}

/** A token contains no blank. */
function entryOf(name: string, stored: string): StoredEntry {
  const at = stored.indexOf(' ')
  return { name, token: stored.slice(0, at), text: stored.slice(at + 1) }
}

function pairs(list: readonly string[]): [string, string][] {
  return Array.from({ length: list.length / 2 }, (_, at) => [list[at * 2] as string, list[at * 2 + 1] as string])
}
