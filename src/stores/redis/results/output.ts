import { keptChanges, LOG_TRIM_INTERVAL, type Output } from '../../../backend/eventLog.ts'
import { Batch } from '../connection/batch.ts'
import type { Arg, RedisConnection, Script } from '../connection/connection.ts'
import { readAnswers } from '../connection/errors.ts'
import { STORE_LUA } from './recordScript.ts'

/**
 * KEYS[1] is the key of held messages, then the records; ARGV for each record: the tag of the message ('': not
 * checked), ttl of the log in ms (0: for ever), how many entries it keeps, the run, the number of the first emission, 1
 * where they may be kept already, how many there are, and each. Elements of a log are a number, then for an emission
 * the number of the newest state, the run and the number in the run, and the emission; a record does not begin with a
 * digit. The record is published again, so that its subscribers read the log. Answers 1 for each that was kept, else 0;
 * a text with the reason for one that cannot be kept.
 */
const EMIT: Script = {
  name: 'emit',
  source: `${STORE_LUA}
local at = 0
local function take()
  at = at + 1
  return ARGV[at]
end
-- The number, within the run, of the newest emission of the run.
local function newest_of(list, run)
  local elements = redis.call('LRANGE', list, 0, -1)
  for place = #elements, 1, -1 do
    local name, number = string.match(elements[place], '^%d+ %d+ ([%w-]+):(%d+) ')
    if name == run then return tonumber(number) end
  end
  return 0
end
local function append(key, list, ttl, kept, run, from, known, texts)
  local newest = redis.call('LINDEX', list, -1)
  local last = newest and tonumber(string.match(newest, '^%d+') or 1) or 1
  local state = newest and (string.match(newest, '^%d+ (%d+) ') or last) or 1
  local before = last
  for number, text in ipairs(texts) do
    local place = from + number - 1
    if place > known then
      last = last + 1
      redis.call('RPUSH', list, last .. ' ' .. state .. ' ' .. run .. ':' .. place .. ' ' .. text)
    end
  end
  if math.floor(last / ${LOG_TRIM_INTERVAL}) > math.floor(before / ${LOG_TRIM_INTERVAL}) then redis.call('LTRIM', list, -kept, -1) end
  if redis.call('PTTL', list) < tonumber(ttl) then redis.call('PEXPIRE', list, ttl) end
  redis.pcall('PUBLISH', key, redis.call('GET', key))
end
local out = {}
for number = 2, #KEYS do
  local key, tag, ttl, kept = KEYS[number], take(), take(), take()
  local run, from, again, count = take(), tonumber(take()), take() == '1', tonumber(take())
  local texts = {}
  for place = 1, count do texts[place] = take() end
  local held = tag == '' or redis.call('HEXISTS', KEYS[1], tag) == 1
  local why = held and unwritable(key, '', '/') or nil
  local head = held and not why and heads[key] or ''
  local kept_it = head ~= '' and not FINAL[status_of(key, head)]
  if kept_it then
    local list = log_of(key)
    append(key, list, ttl, kept, run, from, again and newest_of(list, run) or 0, texts)
  end
  out[#out + 1] = why or (kept_it and 1 or 0)
end
return out
`,
}

interface Item {
  readonly key: string
  /** Tag of the message that must be held; undefined: this is not checked. */
  readonly tag: string | undefined
  readonly output: Output
}

/** How logs are kept. */
interface Keeping {
  /** ms, 0: for ever. */
  readonly ttl: number
  /** How many entries a log keeps; 0: none. */
  readonly limit: number
}

/** Adds emissions of tasks to their logs; those of one turn of the event loop in one call. */
export class RedisEmissions {
  readonly #limit: number
  readonly #items: Batch<Item, boolean>

  /** `held` is the key of the held messages. */
  constructor(connection: RedisConnection, held: string, { ttl, limit }: Keeping) {
    this.#limit = limit
    this.#items = new Batch(async (items) => {
      const args = items.flatMap(({ tag = '', output }): Arg[] => {
        const { run, from, again, emissions } = output
        const kept = keptChanges(limit, Math.max(...emissions.map(({ length }) => length)))
        return [tag, ttl, kept, run, from, again ? 1 : 0, emissions.length, ...emissions]
      })
      return readAnswers(await connection.script(EMIT, [held, ...items.map(({ key }) => key)], args), connection.url)
    })
  }

  /** True when it was kept. */
  async add(key: string, output: Output, tag?: string): Promise<boolean> {
    return this.#limit > 0 && this.#items.add({ key, tag, output })
  }
}
