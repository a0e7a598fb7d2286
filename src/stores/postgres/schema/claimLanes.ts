import { NOT_CLAIMED } from '../broker/claims.ts'
import { CORRECTED, FULL, GATE, GATE_FROM, IS_AHEAD, LANE_IS_VACANT, nothingReadySql, TOKENS } from './limitTables.ts'

/*
 * The claim of messages with limits: one function, as what passes is decided while the limits are locked. It returns
 * permits first, so that a transaction that settles and claims locks each limit once, in their order.
 */

/** Lanes to look at: open ones in their turn, and those behind limits that let something through again. */
const PICK = `
  IF wanted > 0 THEN
    picked := ARRAY(
      SELECT l.id FROM unnest(in_queues) AS q (name) CROSS JOIN LATERAL (
        SELECT id FROM celeriac.lane WHERE queue = q.name AND blocked IS NULL ORDER BY turn LIMIT seen
        FOR NO KEY UPDATE SKIP LOCKED
      ) l
    );
    due := ARRAY(
      SELECT w.limiter FROM unnest(in_queues) AS q (name) CROSS JOIN LATERAL (
        (SELECT limiter FROM celeriac.limit_wait WHERE queue = q.name AND wake <= moment ORDER BY wake LIMIT seen)
        UNION ALL
        (SELECT limiter FROM celeriac.limit_wait WHERE queue = q.name AND since > moment AND wake IS NOT NULL
        ORDER BY since LIMIT seen)
      ) w
      UNION SELECT unnest(limiters) FROM celeriac.lane WHERE id = ANY (returned)
    );
    IF cardinality(due) > 0 THEN
      picked := picked || ARRAY(
        SELECT l.id FROM celeriac.limit_wait w JOIN celeriac.limiter m ON m.id = w.limiter
        LEFT JOIN celeriac.limit_rule r ON r.name = m.rule
        CROSS JOIN LATERAL (
          SELECT id FROM celeriac.lane WHERE queue = w.queue AND blocked = w.limiter ORDER BY turn
          LIMIT greatest(1, least(wanted, r.concurrency - m.held + coalesce(cardinality(returned), 0), floor(${TOKENS})))
          FOR NO KEY UPDATE SKIP LOCKED
        ) l
        WHERE w.limiter = ANY (due) AND w.queue = ANY (in_queues)
      );
    ELSIF cardinality(picked) = 0 THEN
      -- Others look at all that are open: wait for the first of these.
      SELECT l.id INTO first FROM unnest(in_queues) AS q (name) CROSS JOIN LATERAL (
        SELECT id, turn FROM celeriac.lane WHERE queue = q.name AND blocked IS NULL ORDER BY turn LIMIT 1
      ) l ORDER BY l.turn LIMIT 1;
      picked := ARRAY(SELECT id FROM celeriac.lane WHERE id = first AND blocked IS NULL FOR NO KEY UPDATE);
    END IF;
  END IF;`

/**
 * Locks the limits of all these lanes. Those that limit nothing, as most tasks' own, which there are for pauses, are
 * shared by all claims; what pauses one waits for these.
 */
const LOCK = `
  WITH use AS MATERIALIZED (
    SELECT u.limiter, max(u.count) AS need FROM celeriac.lane l CROSS JOIN unnest(l.limiters, l.counts) AS u (limiter, count)
    WHERE l.id = ANY (picked || returned) GROUP BY u.limiter
  )
  SELECT ARRAY(SELECT limiter FROM use UNION SELECT unnest(due) ORDER BY 1), ARRAY(
    SELECT m.id FROM use JOIN celeriac.limiter m ON m.id = use.limiter
    WHERE use.need = 0 AND NOT m.paused AND m.until = 0
    AND NOT EXISTS (SELECT FROM celeriac.limit_rule r WHERE r.name = m.rule)
    AND NOT EXISTS (SELECT FROM celeriac.limit_wait w WHERE w.limiter = m.id)
  ) INTO ids, open_ids;
  IF cardinality(open_ids) > 0 THEN
    SELECT bool_or(paused OR until <> 0) INTO again FROM (
      SELECT paused, until FROM celeriac.limiter WHERE id = ANY (open_ids) ORDER BY id FOR SHARE
    ) AS m;
    IF again THEN
      RAISE EXCEPTION 'a limit was paused or held back meanwhile' USING ERRCODE = 'serialization_failure';
    END IF;
    again := false;
  END IF;
  PERFORM 1 FROM celeriac.limiter WHERE id = ANY (ids) AND id <> ALL (open_ids) ORDER BY id FOR NO KEY UPDATE;`

/** Returns what is not held any more, and reads what passes of each limit, and how much of it the lanes need. */
const READ = `
  IF cardinality(ids) > 0 THEN
    moment := begun + extract(epoch FROM clock_timestamp() - now()) * 1000;
    IF cardinality(returned) > 0 THEN
      WITH back AS MATERIALIZED (
        SELECT u.limiter, sum(u.count) AS count FROM unnest(returned) AS given (lane)
        JOIN celeriac.lane l ON l.id = given.lane CROSS JOIN unnest(l.limiters, l.counts) AS u (limiter, count)
        WHERE u.count > 0 GROUP BY u.limiter
      ), given AS (
        UPDATE celeriac.limiter m SET held = greatest(0, m.held - b.count) FROM back b WHERE m.id = b.limiter
      )
      SELECT array_agg(limiter) INTO backs FROM back;
    END IF;
    UPDATE celeriac.limiter m SET ${CORRECTED}
    FROM unnest(ids) AS i (id) JOIN celeriac.limiter o ON o.id = i.id LEFT JOIN celeriac.limit_rule r ON r.name = o.rule
    WHERE m.id = i.id AND in_queues <> '{}' AND m.id <> ALL (open_ids) AND (${IS_AHEAD});
    SELECT array_agg(${GATE} ORDER BY i.at), array_agg(${GATE_FROM} ORDER BY i.at),
      array_agg(r.concurrency ORDER BY i.at), array_agg(r.concurrency - m.held ORDER BY i.at),
      array_agg(r.burst ORDER BY i.at), array_agg(r.every ORDER BY i.at), array_agg(${TOKENS} ORDER BY i.at)
    INTO gates, gates_from, slots, free, bursts, everys, tokens
    FROM unnest(ids) WITH ORDINALITY AS i (id, at) LEFT JOIN celeriac.limiter m ON m.id = i.id
    LEFT JOIN celeriac.limit_rule r ON r.name = m.rule;
  END IF;
  IF cardinality(picked) > 0 THEN
    SELECT array_agg(limiter), array_agg(queue), array_agg(need), array_agg(turn)
    INTO big_limits, big_queues, big_needs, big_turns FROM celeriac.limit_wait
    WHERE limiter = ANY (ids) AND queue = ANY (in_queues) AND need > 1;
    SELECT array_agg(id ORDER BY turn, id), array_agg(name ORDER BY turn, id), array_agg(queue ORDER BY turn, id),
      array_agg(turn ORDER BY turn, id), array_agg(blocked ORDER BY turn, id),
      array_agg(cardinality(limiters) ORDER BY turn, id), count(*)
    INTO lane_ids, names, queues, turns, olds, sizes, lane_count FROM celeriac.lane WHERE id = ANY (picked);
    SELECT array_agg(lane ORDER BY number), array_agg(place ORDER BY number), array_agg(count ORDER BY number),
      array_agg(nullif(least(count, slots[place]), 0) ORDER BY number),
      array_agg(nullif(least(count, bursts[place]), 0) ORDER BY number)
    INTO use_lanes, places, needs, slot_needs, token_needs FROM (
      SELECT n.lane, array_position(ids, u.limiter) AS place, u.count, row_number() OVER (ORDER BY n.lane, u.at) AS number
      FROM unnest(lane_ids) WITH ORDINALITY AS n (id, lane) JOIN celeriac.lane l ON l.id = n.id
      CROSS JOIN unnest(l.limiters, l.counts) WITH ORDINALITY AS u (limiter, count, at)
    ) AS uses;
  END IF;`

/**
 * Reads the next messages of the lanes of which something passes: a fair share of each, and one more to see whether
 * others wait.
 */
const FETCH = `
  IF lane_count > 0 THEN
    SELECT array_agg(most ORDER BY lane), count(*) FILTER (WHERE most > 0) INTO limits, passing FROM (
      SELECT lane, greatest(0, least(wanted, min(least(gates[place], floor(free[place] / slot_need),
        floor(tokens[place] / token_need))))) AS most
      FROM unnest(use_lanes, places, slot_needs, token_needs) AS u (lane, place, slot_need, token_need) GROUP BY lane
    ) AS lanes;
    haves := array_fill(0, ARRAY[lane_count]);
    tooks := haves;
  END IF;
  IF passing > 0 THEN
    share := greatest(1, ceil(wanted::double precision / passing));
    WITH got AS MATERIALIZED (
      SELECT c.lane, m.seq, row_number() OVER (PARTITION BY c.lane ORDER BY m.rank, m.seq) AS number
      FROM unnest(names, limits) WITH ORDINALITY AS c (name, most, lane) CROSS JOIN LATERAL (
        SELECT seq, rank FROM celeriac.message m
        WHERE m.queue = c.name AND m.due IS NULL AND ${NOT_CLAIMED}
        ORDER BY m.rank, m.seq LIMIT least(c.most, share) + 1 FOR UPDATE OF m SKIP LOCKED
      ) m WHERE c.most > 0
    ), counted AS (
      SELECT n.lane, count(g.seq) AS count FROM generate_series(1, lane_count) AS n (lane) LEFT JOIN got g USING (lane)
      GROUP BY n.lane
    )
    SELECT (SELECT array_agg(count ORDER BY lane) FROM counted), array_agg(seq ORDER BY lane, number),
      array_agg(lane ORDER BY lane, number), array_agg(number ORDER BY lane, number)
    INTO haves, fetched, fetched_lanes, fetched_numbers FROM got;
  END IF;`

/** One that needs more of a limit than there is waits for it, earlier than this one. */
const FIND_BIGGER = `
    IF big_needs IS NOT NULL THEN
      FOR use IN at + 1 .. at + sizes[lane] LOOP
        place := places[use];
        FOR big IN 1 .. cardinality(big_needs) LOOP
          IF big_limits[big] = ids[place] AND big_queues[big] = queues[lane] AND big_turns[big] < turns[lane]
            AND big_needs[big] > needs[use] AND (gates[place] < 1 OR free[place] < least(big_needs[big], slots[place])
              OR tokens[place] < least(big_needs[big], bursts[place])) THEN
            blocker := ids[place];
            block_need := needs[use];
          END IF;
        END LOOP;
      END LOOP;
    END IF;`

/** Sets the blocker to the first limit that lets no message of the lane through. */
const FIND_BLOCKER = `
        FOR use IN at + 1 .. at + sizes[lane] LOOP
          place := places[use];
          IF gates[place] < 1 OR free[place] < slot_needs[use] OR tokens[place] < token_needs[use] THEN
            blocker := ids[place];
            block_need := needs[use];
            EXIT;
          END IF;
        END LOOP;`

/** Takes messages of one lane after the other; -1: the lane stays open; -2: it may be empty. */
const ALLOCATE = `
  at := 0;
  FOR lane IN 1 .. lane_count LOOP
    EXIT WHEN remaining = 0;
    blocker := NULL;${FIND_BIGGER}
    most := least(haves[lane], share, remaining);
    IF blocker IS NULL AND most > 0 THEN
      FOR use IN at + 1 .. at + sizes[lane] LOOP
        place := places[use];
        most := least(most, gates[place], floor(free[place] / slot_needs[use]), floor(tokens[place] / token_needs[use]));
      END LOOP;
      IF most > 0 THEN
        tooks[lane] := most;
        remaining := remaining - most;
        turns[lane] := nextval('celeriac.lane_turn');
        FOR use IN at + 1 .. at + sizes[lane] LOOP
          place := places[use];
          gates[place] := gates[place] - most;
          free[place] := free[place] - most * needs[use];
          tokens[place] := tokens[place] - most * coalesce(token_needs[use], 0);
        END LOOP;
      END IF;
    END IF;
    IF blocker IS NULL AND limits[lane] > 0 AND haves[lane] <= tooks[lane] THEN
      states[lane] := -2;
      checked := checked || lane_ids[lane];
    ELSE
      IF blocker IS NULL THEN${FIND_BLOCKER}
      END IF;
      states[lane] := coalesce(blocker, -1);
      again := again OR blocker IS NULL AND remaining > 0;
      IF blocker IS NOT NULL AND block_need > 1 THEN
        big_limits := big_limits || blocker;
        big_queues := big_queues || queues[lane];
        big_needs := big_needs || block_need;
        big_turns := big_turns || turns[lane];
      END IF;
    END IF;
    at := at + sizes[lane];
  END LOOP;`

/** What is taken late is taken at that moment: a bucket never gives more than it should after it. */
const TAKE = `
  IF remaining < wanted THEN
    INSERT INTO celeriac.claim (seq, consumer, fence, lane)
    SELECT f.seq, for_consumer, with_fence, lane_ids[f.lane]
    FROM unnest(fetched, fetched_lanes, fetched_numbers) AS f (seq, lane, number) WHERE f.number <= tooks[f.lane]
    ON CONFLICT (seq) DO NOTHING;
    GET DIAGNOSTICS inserted = ROW_COUNT;
    IF inserted < wanted - remaining THEN
      RAISE EXCEPTION 'a message was taken out of turn meanwhile' USING ERRCODE = 'serialization_failure';
    END IF;
    moment := begun + extract(epoch FROM clock_timestamp() - now()) * 1000;
    UPDATE celeriac.limiter m SET held = m.held + r.taken,
      full_at = CASE WHEN r.every > 0 THEN ${FULL} + r.tokens * r.every ELSE m.full_at END
    FROM (
      SELECT ids[u.place] AS id, sum(tooks[u.lane] * u.need) AS taken, sum(tooks[u.lane] * coalesce(u.token_need, 0)) AS tokens,
        everys[u.place] AS every, bursts[u.place] AS burst
      FROM unnest(use_lanes, places, needs, token_needs) AS u (lane, place, need, token_need)
      WHERE tooks[u.lane] > 0 AND u.need > 0 GROUP BY u.place
    ) AS r WHERE m.id = r.id;
  END IF;`

/** Lanes without messages that wait are marked, and removed when none is held or delayed. */
const CLEAN = `
  IF cardinality(returned) > 0 THEN
    checked := checked || ARRAY(
      SELECT id FROM celeriac.lane WHERE id = ANY (returned) AND id <> ALL (picked) AND blocked = 0
    );
  END IF;
  IF cardinality(checked) > 0 THEN
    -- A lane that is locked is being entered by a message.
    checked := ARRAY(SELECT id FROM celeriac.lane WHERE id = ANY (checked) FOR UPDATE SKIP LOCKED);
    vain := ARRAY(
      SELECT id FROM celeriac.lane l WHERE id = ANY (checked)
      AND ${nothingReadySql('l.name', ` AND ${NOT_CLAIMED}`)}
    );
    UPDATE celeriac.lane SET blocked = NULL, turn = nextval('celeriac.lane_turn')
    WHERE id = ANY (checked) AND blocked = 0 AND id <> ALL (vain);
    PERFORM celeriac.drop_lanes(ARRAY(
      SELECT id FROM celeriac.lane l WHERE id = ANY (vain)
      AND ${LANE_IS_VACANT}
    ), moment);
  END IF;
  IF lane_count > 0 THEN
    UPDATE celeriac.lane l SET turn = s.turn,
      blocked = CASE WHEN l.id = ANY (vain) THEN 0 WHEN s.state < 0 THEN NULL ELSE s.state END
    FROM unnest(lane_ids, states, turns) AS s (id, state, turn)
    WHERE l.id = s.id AND s.state IS NOT NULL AND (l.turn, coalesce(l.blocked, -1)) IS DISTINCT FROM
      (s.turn, CASE WHEN l.id = ANY (vain) THEN 0 WHEN s.state < 0 THEN -1 ELSE s.state END);
  END IF;`

/** Notes when the first lane behind each limit may pass, and notifies queues of other consumers. */
const WAIT = `
  IF cardinality(ids) > 0 THEN
    WITH pair AS MATERIALIZED (
      SELECT s.limiter, s.queue FROM unnest(olds || states, queues || queues[1 : cardinality(states)]) AS s (limiter, queue)
      WHERE s.limiter > 0
      UNION
      SELECT w.limiter, w.queue FROM celeriac.limit_wait w WHERE w.limiter = ANY (due) AND w.queue = ANY (in_queues)
    ), head AS MATERIALIZED (
      SELECT p.limiter, p.queue, h.turn, h.need, w.wake AS old,
        CASE
          WHEN gates[i.at] < 1 THEN gates_from[i.at]
          WHEN free[i.at] < least(h.need, slots[i.at]) THEN NULL
          WHEN tokens[i.at] < least(h.need, bursts[i.at])
            THEN moment + (least(h.need, bursts[i.at]) - tokens[i.at]) * everys[i.at]
          ELSE 0
        END AS wake
      FROM pair p CROSS JOIN LATERAL (SELECT array_position(ids, p.limiter) AS at) i
      LEFT JOIN celeriac.limit_wait w ON w.limiter = p.limiter AND w.queue = p.queue
      LEFT JOIN LATERAL (
        SELECT turn, l.counts[array_position(l.limiters, p.limiter)] AS need FROM celeriac.lane l
        WHERE l.queue = p.queue AND l.blocked = p.limiter ORDER BY l.turn LIMIT 1
      ) h ON true
    ), gone AS (
      DELETE FROM celeriac.limit_wait w USING head h WHERE h.need IS NULL AND w.limiter = h.limiter AND w.queue = h.queue
    ), noted AS (
      INSERT INTO celeriac.limit_wait AS w (limiter, queue, need, turn, wake, since)
      SELECT limiter, queue, need, CASE WHEN need > 1 THEN turn ELSE 0 END, wake, moment FROM head WHERE need IS NOT NULL
      ON CONFLICT (limiter, queue) DO UPDATE
      SET need = excluded.need, turn = excluded.turn, wake = excluded.wake, since = excluded.since
      WHERE (w.need, w.turn, w.wake) IS DISTINCT FROM (excluded.need, excluded.turn, excluded.wake) OR w.since > excluded.since
    )
    SELECT array_agg(DISTINCT queue) INTO notified FROM head WHERE wake = 0 AND old IS DISTINCT FROM 0 AND remaining = 0;
    IF cardinality(returned) > 0 THEN
      WITH woken AS (
        UPDATE celeriac.limit_wait w SET wake = 0, since = moment
        WHERE w.limiter = ANY (backs) AND w.queue <> ALL (in_queues) AND w.wake IS DISTINCT FROM 0
        RETURNING w.queue
      )
      SELECT notified || array_agg(DISTINCT queue) INTO notified FROM woken;
    END IF;
    PERFORM celeriac.notify_lanes(notified);
  END IF;`

const ANSWER = `
  RETURN QUERY SELECT m.seq, m.queue, m.rank, m.claims, m.lost, m.task_id, m.head, m.body, m.bytes, with_fence,
    NULL::boolean, NULL::double precision
  FROM unnest(fetched, fetched_lanes, fetched_numbers) AS f (seq, lane, number) JOIN celeriac.message m ON m.seq = f.seq
  WHERE f.number <= tooks[f.lane] ORDER BY f.lane, f.number;
  IF cardinality(in_queues) > 0 THEN
    RETURN QUERY SELECT NULL::bigint, NULL, NULL::integer, NULL::integer, NULL::integer, NULL, NULL, NULL, NULL::bytea,
      with_fence,
      again OR EXISTS (SELECT FROM celeriac.lane WHERE queue = ANY (in_queues) AND blocked IS NULL AND id <> ALL (picked)),
      (SELECT min(w.wake) FROM unnest(in_queues) AS q (name) CROSS JOIN LATERAL (
        SELECT wake FROM celeriac.limit_wait WHERE queue = q.name AND wake IS NOT NULL ORDER BY wake LIMIT 1
      ) w);
  END IF;`

/**
 * Returns the permits of `returned`, a lane for each message that is not held any more, and claims messages of lanes.
 * The last row has no message: whether more lanes are open, and when the next one may pass (0: now; NULL: not by time).
 */
export const CLAIM_LANES: string = `
CREATE FUNCTION celeriac.claim_lanes(
  for_consumer bigint, in_queues text[], wanted integer, seen integer, with_fence integer, moment double precision,
  returned bigint[]
) RETURNS TABLE (
  seq bigint, queue text, rank integer, claims integer, lost integer, task_id text, head text, body text, bytes bytea,
  fence integer, more boolean, wake double precision
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  first bigint;
  -- Lanes; those that may be empty; those that are.
  picked bigint[] := '{}'; checked bigint[] := '{}'; vain bigint[] := '{}';
  -- Limits; of each one, by its place, what passes.
  due bigint[] := '{}'; ids bigint[]; open_ids bigint[]; backs bigint[];
  gates bigint[]; gates_from double precision[]; slots bigint[]; free double precision[]; bursts bigint[];
  everys double precision[]; tokens double precision[];
  -- Lanes in their turns: what passes, what waits as far as it was read, what is taken, and how the lane is left.
  lane_count integer := 0; lane_ids bigint[]; names text[]; queues text[]; turns bigint[]; olds bigint[]; sizes integer[];
  limits bigint[]; haves bigint[]; tooks bigint[]; states bigint[] := '{}';
  -- What each lane needs of each of its limits; of slots and tokens NULL where it counts nothing.
  use_lanes bigint[]; places integer[]; needs bigint[]; slot_needs bigint[]; token_needs bigint[];
  -- Lanes that wait for more than one.
  big_limits bigint[]; big_queues text[]; big_needs bigint[]; big_turns bigint[];
  -- Messages, with the numbers of their lanes, and their own in these.
  fetched bigint[]; fetched_lanes bigint[]; fetched_numbers bigint[];
  passing integer := 0; share bigint := 1; remaining bigint; again boolean := false;
  at integer; most bigint; place integer; blocker bigint; block_need bigint; inserted integer; notified text[];
  -- The beginning of the transaction: locks are waited for.
  begun double precision := moment;
BEGIN
  PERFORM pg_advisory_xact_lock_shared(hashtext('celeriac.limits'), 0);
  IF NOT EXISTS (SELECT FROM celeriac.consumer WHERE id = for_consumer) THEN
    wanted := 0;
  END IF;
  IF wanted = 0 THEN
    in_queues := '{}';
  END IF;
  remaining := wanted;${PICK}${LOCK}${READ}${FETCH}${ALLOCATE}${TAKE}${CLEAN}${WAIT}${ANSWER}
END $$;`
