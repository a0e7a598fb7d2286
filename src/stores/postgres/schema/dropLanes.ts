import { IDLE } from './limitTables.ts'

/** Drops lanes without messages, and limits of which nothing needs to be kept. */
export const DROP_LANES: string = `
-- Drops lanes that are locked and have no message, and those of their limits of which nothing needs to be kept.
CREATE FUNCTION celeriac.drop_lanes(lanes bigint[], moment double precision) RETURNS void LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  limits bigint[];
BEGIN
  IF cardinality(lanes) = 0 THEN
    RETURN;
  END IF;
  limits := ARRAY(SELECT DISTINCT unnest(limiters) FROM celeriac.lane WHERE id = ANY (lanes));
  DELETE FROM celeriac.lane_limit WHERE limiter = ANY (limits) AND lane = ANY (lanes);
  DELETE FROM celeriac.lane WHERE id = ANY (lanes);
  PERFORM celeriac.drop_limiters(limits, moment);
END $$;
CREATE FUNCTION celeriac.drop_limiters(limits bigint[], moment double precision) RETURNS integer LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  dropped integer;
BEGIN
  limits := ARRAY(
    SELECT id FROM celeriac.limiter m WHERE id = ANY (limits) AND ${IDLE}
    AND NOT EXISTS (SELECT FROM celeriac.lane_limit l WHERE l.limiter = m.id)
    ORDER BY id FOR UPDATE SKIP LOCKED
  );
  -- Once more: a lane may have been made before they were locked.
  DELETE FROM celeriac.limiter m WHERE id = ANY (limits) AND NOT EXISTS (
    SELECT FROM celeriac.lane_limit l WHERE l.limiter = m.id
  );
  GET DIAGNOSTICS dropped = ROW_COUNT;
  DELETE FROM celeriac.limit_wait WHERE limiter = ANY (limits) AND NOT EXISTS (
    SELECT FROM celeriac.limiter m WHERE m.id = limit_wait.limiter
  );
  RETURN dropped;
END $$;`
