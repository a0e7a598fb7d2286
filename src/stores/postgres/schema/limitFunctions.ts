import { NOT_CLAIMED } from '../broker/claims.ts'
import { queueChannelSql } from '../connection/listening.ts'
import { GATE, GATE_FROM, IDLE, isLaneSql, LANE_IS_VACANT, nothingReadySql, queueOfSql, TOKENS } from './limitTables.ts'

/** Channel on which pauses are announced. */
export const PAUSE_TOPIC = 'pauses'

const ENTER = `
-- Notifies the consumers of these queues that messages of their lanes may be taken.
CREATE FUNCTION celeriac.notify_lanes(queues text[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify(${queueChannelSql('q.name')}, 'l') FROM (SELECT DISTINCT unnest(queues)) AS q (name);
END $$;
-- Makes lanes that do not exist; limits: a header of a message (protocol/limits.ts) for each.
CREATE FUNCTION celeriac.make_lanes(lanes text[], queues text[], limits text[]) RETURNS void LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  rules text[];
  keys text[];
BEGIN
  SELECT array_agg(rule), array_agg(key) INTO rules, keys FROM (
    SELECT DISTINCT u.use ->> 0 AS rule, u.use ->> 1 AS key
    FROM unnest(limits) AS given (text) CROSS JOIN json_array_elements(given.text::json) AS u (use) ORDER BY 1, 2
  ) AS names;
  INSERT INTO celeriac.limiter (rule, key) SELECT * FROM unnest(rules, keys) ON CONFLICT (rule, key) DO NOTHING;
  -- From now on they are not dropped.
  PERFORM 1 FROM celeriac.limiter m JOIN unnest(rules, keys) AS n (rule, key) ON m.rule = n.rule AND m.key = n.key
  ORDER BY m.id FOR KEY SHARE OF m;
  WITH use AS MATERIALIZED (
    SELECT given.lane, given.queue, m.id, sum((u.use ->> 2)::bigint) AS count, bool_and(m.id IS NOT NULL) AS known
    FROM unnest(lanes, queues, limits) AS given (lane, queue, text)
    CROSS JOIN json_array_elements(given.text::json) AS u (use)
    LEFT JOIN celeriac.limiter m ON m.rule = u.use ->> 0 AND m.key = u.use ->> 1
    GROUP BY given.lane, given.queue, m.id
  ), made AS (
    INSERT INTO celeriac.lane (name, queue, limiters, counts, turn, blocked)
    SELECT lane, queue, array_agg(id ORDER BY id), array_agg(count ORDER BY id), 0, 0
    FROM use GROUP BY lane, queue HAVING bool_and(known) ORDER BY lane
    ON CONFLICT (name) DO NOTHING RETURNING id, limiters
  )
  INSERT INTO celeriac.lane_limit (limiter, lane) SELECT unnest(limiters), id FROM made;
END $$;
/*
 * Messages enter these lanes in this transaction: lanes that do not exist are made, empty ones are opened. They stay
 * locked, so that no claim marks them as empty before it sees the messages.
 */
CREATE FUNCTION celeriac.enter_lanes(lanes text[], queues text[], limits text[]) RETURNS void LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  missing text[];
BEGIN
  LOOP
    PERFORM 1 FROM celeriac.lane WHERE name = ANY (lanes) ORDER BY name FOR KEY SHARE;
    missing := ARRAY(
      SELECT n.name FROM unnest(lanes) AS n (name) WHERE NOT EXISTS (SELECT FROM celeriac.lane l WHERE l.name = n.name)
    );
    EXIT WHEN cardinality(missing) = 0 OR limits IS NULL;
    PERFORM celeriac.make_lanes(array_agg(lane), array_agg(queue), array_agg(text))
    FROM unnest(lanes, queues, limits) AS given (lane, queue, text) WHERE lane = ANY (missing);
  END LOOP;
  UPDATE celeriac.lane SET blocked = NULL, turn = nextval('celeriac.lane_turn') WHERE id = ANY (ARRAY(
    SELECT id FROM celeriac.lane WHERE name = ANY (lanes) AND blocked = 0 ORDER BY name FOR NO KEY UPDATE
  ));
END $$;`

/** A limit that seems to be idle is kept for so long, ms. */
const MAX_CLOCK_LAG_MS = 5_400_000

const RETURN = `
-- Messages of these lanes are not held any more, one for each; it says so to what would return them otherwise.
CREATE FUNCTION celeriac.return_lanes(lanes bigint[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('celeriac.returned', lanes::text, true);
  -- The clock of the applications is not known here: no bucket counts as full.
  PERFORM 1 FROM celeriac.claim_lanes(NULL, '{}', 0, 0, 0, 0, lanes);
END $$;
-- Whatever ends a hold returns what its message took: also a process of an earlier version.
CREATE FUNCTION celeriac.claim_ended() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF coalesce(current_setting('celeriac.returned', true), '') = '' THEN
    PERFORM celeriac.return_lanes(ARRAY[OLD.lane]);
    -- The next row of this statement is not in it.
    PERFORM set_config('celeriac.returned', '', true);
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER claim_ended AFTER DELETE ON celeriac.claim
FOR EACH ROW WHEN (OLD.lane IS NOT NULL) EXECUTE FUNCTION celeriac.claim_ended();
-- A message of a lane was delayed until now, or was changed.
CREATE FUNCTION celeriac.lane_message() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM celeriac.enter_lanes(ARRAY[NEW.queue], NULL, NULL);
  PERFORM celeriac.notify_lanes(ARRAY[${queueOfSql('NEW.queue')}]);
  RETURN NULL;
END $$;
CREATE TRIGGER lane_message AFTER UPDATE OF due ON celeriac.message
FOR EACH ROW WHEN (NEW.due IS NULL AND OLD.due IS NOT NULL AND ${isLaneSql('NEW.queue')})
EXECUTE FUNCTION celeriac.lane_message();
-- A message of the lane is held out of its turn, whatever its limits.
CREATE FUNCTION celeriac.occupy_lane(of_lane bigint) RETURNS void LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
  PERFORM pg_advisory_xact_lock_shared(hashtext('celeriac.limits'), 0);
  PERFORM 1 FROM celeriac.limiter WHERE id = ANY (ARRAY(
    SELECT u.limiter FROM celeriac.lane l CROSS JOIN unnest(l.limiters, l.counts) AS u (limiter, count)
    WHERE l.id = of_lane AND u.count > 0
  )) ORDER BY id FOR NO KEY UPDATE;
  UPDATE celeriac.limiter m SET held = m.held + u.count
  FROM celeriac.lane l CROSS JOIN unnest(l.limiters, l.counts) AS u (limiter, count)
  WHERE l.id = of_lane AND m.id = u.limiter AND u.count > 0;
END $$;`

/** Drops what is empty. */
export const TIDY_LIMITS: string = `
-- At most so many lanes and limits after these ids: empty ones are dropped. Returns how many, and the last ids.
CREATE FUNCTION celeriac.tidy_limits(INOUT last_lane bigint, INOUT last_limiter bigint, most integer, OUT dropped integer)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  -- The clocks of the applications may be behind, by more than an hour.
  moment double precision := extract(epoch FROM clock_timestamp()) * 1000 - ${MAX_CLOCK_LAG_MS};
  found_lanes bigint[];
  found_limits bigint[];
  vain bigint[];
BEGIN
  found_lanes := ARRAY(SELECT id FROM celeriac.lane WHERE id > last_lane ORDER BY id LIMIT most);
  found_limits := ARRAY(SELECT id FROM celeriac.limiter WHERE id > last_limiter ORDER BY id LIMIT most);
  -- Their limits first, as everywhere: those of lanes that another transaction uses are left for later.
  PERFORM pg_advisory_xact_lock_shared(hashtext('celeriac.limits'), 0);
  vain := ARRAY(
    SELECT id FROM celeriac.lane l WHERE id = ANY (found_lanes)
    AND ${LANE_IS_VACANT}
    FOR UPDATE SKIP LOCKED
  );
  -- Once more: a message may have come before they were locked.
  vain := ARRAY(
    SELECT id FROM celeriac.lane l WHERE id = ANY (vain)
    AND ${LANE_IS_VACANT}
  );
  PERFORM celeriac.drop_lanes(vain, moment);
  dropped := cardinality(vain) + celeriac.drop_limiters(found_limits, moment);
  -- One that came back while a message was entering it.
  PERFORM celeriac.enter_lanes(array_agg(l.name), NULL, NULL) FROM celeriac.lane l
  WHERE l.id = ANY (found_lanes) AND l.blocked = 0
  AND NOT ${nothingReadySql('l.name', ` AND ${NOT_CLAIMED}`)};
  last_lane := CASE WHEN cardinality(found_lanes) < most THEN 0 ELSE found_lanes[most] END;
  last_limiter := CASE WHEN cardinality(found_limits) < most THEN 0 ELSE found_limits[most] END;
END $$;`

const CONTROL = `
-- Lanes behind this limit may pass: their consumers look.
CREATE FUNCTION celeriac.wake_limiter(of_limiter bigint, moment double precision) RETURNS void LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  queues text[];
BEGIN
  WITH woken AS (
    UPDATE celeriac.limit_wait SET wake = 0, since = moment WHERE limiter = of_limiter RETURNING queue
  )
  SELECT array_agg(queue) INTO queues FROM woken;
  PERFORM celeriac.notify_lanes(queues);
END $$;
-- The limit, which is made where it does not exist, locked.
CREATE FUNCTION celeriac.lock_limiter(of_rule text, of_key text) RETURNS bigint LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  found_id bigint;
BEGIN
  PERFORM pg_advisory_xact_lock_shared(hashtext('celeriac.limits'), 0);
  LOOP
    INSERT INTO celeriac.limiter (rule, key) VALUES (of_rule, of_key) ON CONFLICT (rule, key) DO NOTHING;
    SELECT id INTO found_id FROM celeriac.limiter WHERE rule = of_rule AND key = of_key FOR NO KEY UPDATE;
    EXIT WHEN found_id IS NOT NULL;
  END LOOP;
  RETURN found_id;
END $$;
CREATE FUNCTION celeriac.pause_limit(of_rule text, of_key text, pause boolean, moment double precision)
RETURNS void LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  of_limiter bigint := celeriac.lock_limiter(of_rule, of_key);
BEGIN
  UPDATE celeriac.limiter SET paused = pause WHERE id = of_limiter;
  PERFORM pg_notify('celeriac.${PAUSE_TOPIC}', '');
  IF NOT pause THEN
    PERFORM celeriac.wake_limiter(of_limiter, moment);
  END IF;
END $$;
CREATE FUNCTION celeriac.hold_limit(of_rule text, of_key text, held_until double precision, moment double precision)
RETURNS void LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  of_limiter bigint := celeriac.lock_limiter(of_rule, of_key);
BEGIN
  UPDATE celeriac.limiter SET until = CASE WHEN half_open THEN greatest(until, held_until) ELSE held_until END, since = moment
  WHERE id = of_limiter;
  PERFORM celeriac.wake_limiter(of_limiter, moment);
END $$;
-- One row in place of those of the same name. What is held under a rule is not changed.
CREATE FUNCTION celeriac.define_limit(
  of_name text, new_every double precision, new_burst bigint, new_concurrency bigint, new_failures integer,
  new_within double precision, new_pause double precision, moment double precision
) RETURNS void LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  queues text[];
BEGIN
  IF EXISTS (
    SELECT FROM celeriac.limit_rule WHERE name = of_name AND (every, burst, concurrency, failures, within, pause)
      IS NOT DISTINCT FROM (new_every, new_burst, new_concurrency, new_failures, new_within, new_pause)
  ) THEN
    RETURN;
  END IF;
  -- No claim goes by the rule before when this one is committed.
  PERFORM pg_advisory_xact_lock(hashtext('celeriac.limits'), 0);
  INSERT INTO celeriac.limit_rule (name, every, burst, concurrency, failures, within, pause)
  VALUES (of_name, new_every, new_burst, new_concurrency, new_failures, new_within, new_pause)
  ON CONFLICT (name) DO UPDATE SET every = excluded.every, burst = excluded.burst, concurrency = excluded.concurrency,
    failures = excluded.failures, within = excluded.within, pause = excluded.pause;
  WITH woken AS (
    UPDATE celeriac.limit_wait w SET wake = 0, since = moment FROM celeriac.limiter m
    WHERE m.rule = of_name AND w.limiter = m.id RETURNING w.queue
  )
  SELECT array_agg(DISTINCT queue) INTO queues FROM woken;
  PERFORM celeriac.notify_lanes(queues);
END $$;
-- How a run behind a breaker ended, as in broker/limiter.ts. A row where the breaker has changed.
CREATE FUNCTION celeriac.report_end(of_rule text, of_key text, ok boolean, moment double precision)
RETURNS TABLE (state text, open_until double precision) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  breaker record;
  m record;
  of_limiter bigint;
  recent double precision[];
BEGIN
  SELECT failures, within, pause INTO breaker FROM celeriac.limit_rule WHERE name = of_rule;
  -- The usual success changes nothing, and locks nothing.
  IF breaker.failures IS NULL OR ok AND NOT EXISTS (
    SELECT FROM celeriac.limiter WHERE rule = of_rule AND key = of_key AND half_open
  ) THEN
    RETURN;
  END IF;
  of_limiter := celeriac.lock_limiter(of_rule, of_key);
  SELECT half_open, until, since, failures INTO m FROM celeriac.limiter WHERE id = of_limiter;
  -- Of a run that began before it opened.
  IF m.half_open AND m.until > moment OR ok AND NOT m.half_open THEN
    RETURN;
  END IF;
  IF ok THEN
    UPDATE celeriac.limiter SET half_open = false, failures = '{}' WHERE id = of_limiter;
    PERFORM celeriac.wake_limiter(of_limiter, moment);
    RETURN QUERY SELECT 'closed', NULL::double precision;
    RETURN;
  END IF;
  recent := ARRAY(SELECT at FROM unnest(m.failures) AS f (at) WHERE at > moment - breaker.within AND at <= moment) || moment;
  recent := recent[greatest(1, cardinality(recent) - breaker.failures + 1) : cardinality(recent)];
  IF NOT m.half_open AND cardinality(recent) < breaker.failures THEN
    UPDATE celeriac.limiter SET failures = recent WHERE id = of_limiter;
    RETURN;
  END IF;
  UPDATE celeriac.limiter SET half_open = true, failures = '{}', until = moment + breaker.pause, since = moment
  WHERE id = of_limiter;
  PERFORM celeriac.wake_limiter(of_limiter, moment);
  RETURN QUERY SELECT 'open', moment + breaker.pause;
END $$;`

/** SQL: what is known of limiters `m` with their rules `r` (see broker/limits.ts): columns of a state. */
export const STATE_COLUMNS: string = `m.held, m.paused,
  CASE WHEN m.paused THEN NULL WHEN ${GATE_FROM} IS NOT NULL THEN ${GATE_FROM} WHEN ${GATE} = 0 THEN NULL
    WHEN r.concurrency <= m.held THEN NULL WHEN ${TOKENS} < 1 THEN moment + (1 - (${TOKENS})) * r.every END,
  CASE WHEN NOT m.half_open THEN 'closed' WHEN m.until > moment THEN 'open' ELSE 'half-open' END,
  r.every, r.burst, r.concurrency, r.failures, r.within, r.pause`

/** SQL: a limiter `m` that is listed though no message waits. */
export const IN_USE: string = `NOT (${IDLE})`

export const LIMIT_FUNCTIONS: string = `${ENTER}${RETURN}${TIDY_LIMITS}${CONTROL}`
