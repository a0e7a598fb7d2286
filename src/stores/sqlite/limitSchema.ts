import { LANE_PREFIX } from '../../broker/lane.ts'

/*
 * The tables of limits, which version 4 adds, and the triggers of lanes, which the first message with limits adds: an
 * app without limits pays for neither. A lane is a queue in `celeriac_message`, by its name.
 */

/** The tables that version 4 adds. */
export const LIMIT_TABLES = `
-- What the limits of one name are, for all of their keys.
CREATE TABLE celeriac_limit_rule (
  name TEXT PRIMARY KEY,
  rule TEXT NOT NULL                    -- JSON: a LimitRule
) WITHOUT ROWID, STRICT;
-- One limit: a rule and a key. A row exists as long as lanes need it, or something is known of it.
CREATE TABLE celeriac_limiter (
  id INTEGER PRIMARY KEY,
  rule TEXT NOT NULL,
  key TEXT NOT NULL,
  full REAL NOT NULL DEFAULT 0,         -- these seven: see broker/limiter.ts
  held INTEGER NOT NULL DEFAULT 0,
  paused INTEGER NOT NULL DEFAULT 0,
  until REAL NOT NULL DEFAULT 0,
  since REAL NOT NULL DEFAULT 0,
  half_open INTEGER NOT NULL DEFAULT 0,
  failures TEXT NOT NULL DEFAULT '[]',
  wake INTEGER,                         -- lanes that it blocks are looked at again then; 0: now; NULL: no moment is known
  waits INTEGER NOT NULL DEFAULT 0,     -- 1: it blocks lanes until a message is not held any more
  idle INTEGER,                         -- not before this moment it may be removed, if no lane needs it
  UNIQUE (rule, key)
) STRICT;
CREATE INDEX celeriac_limiter_wake ON celeriac_limiter (wake) WHERE wake IS NOT NULL;
CREATE INDEX celeriac_limiter_idle ON celeriac_limiter (idle) WHERE idle IS NOT NULL;
CREATE INDEX celeriac_limiter_paused ON celeriac_limiter (rule, key) WHERE paused = 1;
-- Open: open = 1, and woken by the limiter, if there is one. Blocked: open = 0 with a limiter. Empty: open = 0 without.
CREATE TABLE celeriac_lane (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,            -- the queue of its messages
  queue TEXT NOT NULL,                  -- that it belongs to
  turn INTEGER NOT NULL DEFAULT 0,      -- of the open lanes of a queue the lowest is next
  open INTEGER NOT NULL DEFAULT 0,
  limiter INTEGER,
  messages INTEGER NOT NULL DEFAULT 0   -- that wait, are delayed or are held
) STRICT;
CREATE INDEX celeriac_lane_queue ON celeriac_lane (queue, open, turn);
CREATE INDEX celeriac_lane_limiter ON celeriac_lane (limiter, queue, open, turn) WHERE limiter IS NOT NULL;
CREATE INDEX celeriac_lane_empty ON celeriac_lane (id) WHERE messages = 0;
-- What each message of a lane needs.
CREATE TABLE celeriac_lane_limit (
  lane INTEGER NOT NULL,
  limiter INTEGER NOT NULL,
  count INTEGER NOT NULL,
  PRIMARY KEY (lane, limiter)
) WITHOUT ROWID, STRICT;
CREATE INDEX celeriac_lane_limit_limiter ON celeriac_lane_limit (limiter);
-- One row, from the first message with limits on.
CREATE TABLE celeriac_turn (
  last INTEGER NOT NULL,                -- the last turn of any lane
  at REAL NOT NULL                      -- when the last lane was served: earlier than that, the clock was set back;
                                        -- negative: its transaction itself counts what is settled, see \`Lanes.settle\`
) STRICT;`

/** The prefix with a "/" in place of its last ".", which follows it. */
const AFTER_PREFIX = `${LANE_PREFIX.slice(0, -1)}/`

/** SQL: this column has the name of a lane. */
export function isLaneSql(column: string): string {
  return `${column} > '${LANE_PREFIX}' AND ${column} < '${AFTER_PREFIX}'`
}

/**
 * SQL: each limit of a lane, by its name, as the row of an update. With `+` the limits are found by the lane's needs:
 * else SQLite reads all limits.
 */
export const limitersOfLane = (name: string): string => `FROM celeriac_lane_limit AS need
  WHERE need.lane = (SELECT id FROM celeriac_lane WHERE name = ${name}) AND celeriac_limiter.id = +need.limiter`

/** SQL: return what so many messages of a lane have taken. Nothing waits for what takes nothing. */
export const returnSql = (messages: string, name: string): string => `UPDATE celeriac_limiter
  SET held = held - need.count * ${messages}, wake = CASE WHEN waits = 1 THEN 0 ELSE wake END
  ${limitersOfLane(name)} AND need.count > 0`

const RETURN = returnSql('1', 'old.queue')

const isReadyInEmptyLane = `${isLaneSql('new.queue')} AND new.owner IS NULL AND new.due IS NULL
  AND EXISTS (SELECT 1 FROM celeriac_lane WHERE name = new.queue AND open = 0 AND limiter IS NULL)`

const OPEN = `UPDATE celeriac_turn SET last = last + 1;
  UPDATE celeriac_lane SET open = 1, turn = (SELECT last FROM celeriac_turn) WHERE name = new.queue;`

const trigger = (name: string, event: string, when: string, body: string): string =>
  `CREATE TRIGGER celeriac_${name} AFTER ${event} ON celeriac_message WHEN ${when} BEGIN ${body} END;`

/** Where `at` is negative, the transaction counts by itself what consumers held and settle. */
const LEAVE = trigger(
  'lane_left',
  'DELETE',
  `${isLaneSql('old.queue')} AND (coalesce(old.owner, 0) <= 0 OR (SELECT at FROM celeriac_turn) >= 0)`,
  `UPDATE celeriac_lane SET messages = messages - 1 WHERE name = old.queue; ${RETURN} AND old.owner > 0;`,
)

/** For a file that has the trigger of before, which counts all that is deleted. */
export const RENEW_TRIGGER: string = `DROP TRIGGER IF EXISTS celeriac_lane_leave; ${LEAVE}`
/** Finds a row where the file has that of now. */
export const FIND_TRIGGER = "SELECT 1 FROM sqlite_schema WHERE name = 'celeriac_lane_left'"

/**
 * However a message gets into a lane and out of it, and whatever ends a hold: what that means for the lane and for its
 * limits. A consumer has a positive number; what is staged is owned by a negative one, and holds nothing of its limits.
 */
export const LANE_TRIGGERS: string = [
  trigger(
    'lane_enter',
    'INSERT',
    isLaneSql('new.queue'),
    'UPDATE celeriac_lane SET messages = messages + 1 WHERE name = new.queue;',
  ),
  trigger('lane_open', 'INSERT', isReadyInEmptyLane, OPEN),
  trigger('lane_reopen', 'UPDATE OF owner, due, queue', isReadyInEmptyLane, OPEN),
  trigger(
    'lane_release',
    'UPDATE OF owner',
    `${isLaneSql('old.queue')} AND old.owner > 0 AND new.owner IS NULL`,
    `${RETURN};`,
  ),
  LEAVE,
  trigger(
    'lane_move',
    'UPDATE OF queue',
    'new.queue <> old.queue',
    `UPDATE celeriac_lane SET messages = messages - 1 WHERE name = old.queue;
    UPDATE celeriac_lane SET messages = messages + 1 WHERE name = new.queue;`,
  ),
].join('\n')
