import { LANE_QUEUE_START } from '../../../broker/lane.ts'

/*
 * Limits and lanes. Moments are ms since the epoch by the clocks of the applications, as fractions.
 *
 * Locks are taken in this order: what a transaction settles and writes; lanes that its messages enter, by name (KEY
 * SHARE: only what marks a lane as empty or drops it has to wait, and it passes over the lane); the shared lock of all
 * claims, which a new rule takes alone; lanes that a claim picks, passing over locked ones, or the first one alone;
 * limiters, first those that limit nothing, which claims share, then the others, each by id; other lanes, passing over
 * locked ones. A transaction that has locked a limiter never waits for a lane. Two claims do not change one lane: they
 * lock it, or one of its limiters alone. Rows of limit_wait change under their limiter, which its claim has alone.
 */

/** SQL: this is the name of a lane. */
export function isLaneSql(queue: string): string {
  // In two parts: the name of the schema is written in place of `celeriac` before a dot.
  return `starts_with(${queue}, 'celeriac' || '.lane.')`
}

/** SQL: the queue that this queue or lane belongs to. */
export function queueOfSql(queue: string): string {
  return `CASE WHEN ${isLaneSql(queue)} THEN substr(${queue}, ${LANE_QUEUE_START + 1}) ELSE ${queue} END`
}

/**
 * SQL: no message is ready in this queue or lane. As a value, so that it is looked up in the index for each one: a join
 * reads all of the index where its plan was made while that was empty.
 */
export function nothingReadySql(queue: string, condition = ''): string {
  return `(SELECT 1 FROM celeriac.message m WHERE m.queue = ${queue} AND m.due IS NULL${condition} LIMIT 1) IS NULL`
}

/** SQL: no message is ready or delayed in the lane `l`. */
export const LANE_IS_VACANT: string = `${nothingReadySql('l.name')}
    AND (SELECT 1 FROM celeriac.message m WHERE m.queue = l.name AND m.due IS NOT NULL
      AND ${isLaneSql('m.queue')} LIMIT 1) IS NULL`

/** The tables of limits. */
export const LIMIT_TABLES: string = `
CREATE SEQUENCE celeriac.lane_turn;
GRANT USAGE ON SEQUENCE celeriac.lane_turn TO PUBLIC;
CREATE TABLE celeriac.limit_rule (
  name text COLLATE "C" PRIMARY KEY,
  every double precision,                 -- ms for one token; NULL: as often as may be
  burst bigint,                           -- tokens of a full bucket
  concurrency bigint,                     -- NULL: any number at once
  failures integer,                       -- of the breaker; NULL: it has none
  within double precision,                -- ms
  pause double precision                  -- ms
);
-- A rule and a key of it. A row changes with each claim: no column that changes often has an index.
CREATE TABLE celeriac.limiter (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  rule text COLLATE "C" NOT NULL,
  key text COLLATE "C" NOT NULL,
  full_at double precision NOT NULL DEFAULT 0,  -- the bucket is full from then on
  held bigint NOT NULL DEFAULT 0,         -- taken by messages that are held
  paused boolean NOT NULL DEFAULT false,
  until double precision NOT NULL DEFAULT 0,    -- nothing passes before
  since double precision NOT NULL DEFAULT 0,    -- when that was set
  half_open boolean NOT NULL DEFAULT false,
  failures double precision[] NOT NULL DEFAULT '{}',
  UNIQUE (rule, key)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX limiter_paused ON celeriac.limiter (rule, key) WHERE paused;
-- Where the messages of a queue wait that have the same limits: its name is their queue in the table message.
CREATE TABLE celeriac.lane (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text NOT NULL UNIQUE,
  queue text NOT NULL,
  limiters bigint[] NOT NULL,
  counts bigint[] NOT NULL,               -- how much of each one message needs
  turn bigint NOT NULL,                   -- the lowest is next
  blocked bigint                          -- by this limiter; 0: no message waits; NULL: open
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000,
  autovacuum_vacuum_cost_delay = 0);
CREATE INDEX lane_next ON celeriac.lane (queue, blocked, turn);
CREATE TABLE celeriac.lane_limit (
  limiter bigint NOT NULL,
  lane bigint NOT NULL,
  PRIMARY KEY (limiter, lane)
);
-- Lanes of this queue are blocked by this limiter.
CREATE TABLE celeriac.limit_wait (
  limiter bigint NOT NULL,
  queue text NOT NULL,
  need bigint NOT NULL,                   -- of the first of them
  turn bigint NOT NULL,                   -- of the first, where it needs more than 1
  wake double precision,                  -- when it may pass: 0: now; NULL: when others return what they hold
  since double precision NOT NULL,        -- when that was set: later than now where a clock was set back
  PRIMARY KEY (limiter, queue)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000,
  autovacuum_vacuum_cost_delay = 0);
CREATE INDEX limit_wait_wake ON celeriac.limit_wait (queue, wake) WHERE wake IS NOT NULL;
CREATE INDEX limit_wait_since ON celeriac.limit_wait (queue, since) WHERE wake IS NOT NULL;
-- Of the message: its claim returns what it took of the limits.
ALTER TABLE celeriac.claim ADD COLUMN lane bigint;
CREATE INDEX message_lane_due ON celeriac.message (queue) WHERE due IS NOT NULL AND ${isLaneSql('queue')};`

/*
 * Of a limiter `m` with its rule `r` at the moment `moment`, as in broker/limiter.ts. NULL: any number.
 */

/** SQL: from when on the bucket is full; at most empty, also after the clock was set back. */
export const FULL = 'CASE WHEN m.full_at <= moment THEN moment ELSE least(m.full_at, moment + r.burst * r.every) END'
/** SQL: tokens in the bucket. Fractions of intervals do not add up exactly. */
export const TOKENS: string = `r.burst - (${FULL} - moment) / r.every + 1e-6`
/** SQL: nothing passes before. */
export const UNTIL = 'CASE WHEN moment < m.since THEN moment + (m.until - m.since) ELSE m.until END'

/**
 * The clocks of processes may differ by so much, ms: what was set by a clock that is ahead by more was set before that
 * clock was set back.
 */
const MAX_CLOCK_SKEW_MS = 10_000

/** SQL: it was set before the clock was set back. */
export const IS_AHEAD: string = `coalesce(m.full_at > moment + r.burst * r.every + ${MAX_CLOCK_SKEW_MS}, false)
  OR m.since > moment + ${MAX_CLOCK_SKEW_MS}`
/** SQL: blocks no longer from now on than it would have. */
export const CORRECTED: string = `full_at = least(m.full_at, moment + r.burst * r.every),
  until = CASE WHEN m.since > moment THEN moment + (m.until - m.since) ELSE m.until END, since = least(m.since, moment)`

/** SQL: how many messages a pause, a breaker or a moment lets through. A breaker that the rule has no more lets all. */
export const GATE: string = `CASE WHEN m.paused OR ${UNTIL} > moment THEN 0 WHEN NOT m.half_open OR r.failures IS NULL THEN NULL
  WHEN m.held > 0 THEN 0 ELSE 1 END`

/** SQL: when that ends; NULL: not by time. */
export const GATE_FROM: string = `CASE WHEN NOT m.paused AND ${UNTIL} > moment THEN ${UNTIL} END`

/** SQL: nothing of it needs to be kept. */
export const IDLE: string = `m.held = 0 AND m.full_at <= moment AND NOT m.paused AND m.until <= moment
  AND NOT (m.half_open AND EXISTS (SELECT FROM celeriac.limit_rule r WHERE r.name = m.rule AND r.failures IS NOT NULL))
  AND NOT EXISTS (SELECT FROM unnest(m.failures) AS f (at) WHERE f.at > moment - coalesce(
    (SELECT within FROM celeriac.limit_rule r WHERE r.name = m.rule), 0))`
