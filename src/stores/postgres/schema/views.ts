import { queueOfSql } from './limitTables.ts'

/** SQL: an escape that is not itself behind an escaping backslash; E, as the session may read backslashes in others. */
const UNREADABLE = String.raw`E'(?<!\\\\)((?:\\\\\\\\)*)\\\\u(?:0000|[dD][89a-fA-F]..)'`
const REPLACED = String.raw`E'\\1\\\\ufffd'`

/** What people read, with psql or any other client: times as such, records as JSON. */
export const VIEWS: string = `
-- PostgreSQL reads no part of a JSON with \\u0000 or half a surrogate pair in any text: they become \\ufffd. NULL for a
-- text that is no JSON, as one with Python's NaN. UNSAFE: what catches an error does not run in a parallel query.
CREATE FUNCTION celeriac.as_json(given text) RETURNS json LANGUAGE plpgsql IMMUTABLE PARALLEL UNSAFE AS $$
BEGIN
  PERFORM given::json -> '';
  RETURN given::json;
EXCEPTION WHEN invalid_text_representation OR untranslatable_character THEN
  BEGIN
    given := regexp_replace(given, ${UNREADABLE}, ${REPLACED}, 'g');
    PERFORM given::json -> '';
    RETURN given::json;
  EXCEPTION WHEN invalid_text_representation OR untranslatable_character THEN
    RETURN NULL;
  END;
END $$;
${messageViews('m.queue')}
CREATE VIEW celeriac.workers AS
SELECT k.name, k.lease_until, count(c.seq) AS holds
FROM celeriac.consumer k
LEFT JOIN celeriac.claim c ON c.consumer = k.id
WHERE k.lease_until >= now()
GROUP BY k.id;`

/** From version 2 on: messages with limits wait in lanes, and are shown with their queues. */
export const LANE_VIEWS: string = messageViews(queueOfSql('m.queue'))

/** Those that show messages `m`; `queue`: SQL of the queue of one. */
function messageViews(queue: string): string {
  return `CREATE OR REPLACE VIEW celeriac.jobs AS
SELECT
  r.id,
  r.task,
  coalesce(${queue}, j.meta ->> 'queue') AS queue,
  CASE WHEN c.seq IS NOT NULL AND r.state = 'PENDING' THEN 'HELD' ELSE r.state END AS state,
  to_timestamp(r.created / 1000.0) AS created,
  CASE WHEN m.due IS NOT NULL THEN to_timestamp(m.due / 1000.0) END AS due,
  j.meta ->> 'date_started' AS started,
  j.meta ->> 'date_done' AS done,
  (j.meta ->> 'retries')::integer AS retries,
  j.meta -> 'result' AS result,
  coalesce(k.name, j.meta ->> 'worker') AS worker,
  o.owner,
  o.tags,
  CASE WHEN r.expires < 9007199254740991 THEN to_timestamp(r.expires / 1000.0) END AS expires
FROM celeriac.result r
CROSS JOIN LATERAL celeriac.as_json(r.meta) AS j (meta)
LEFT JOIN celeriac.origin o USING (seq)
LEFT JOIN celeriac.message m ON m.task_id = r.id
LEFT JOIN celeriac.claim c ON c.seq = m.seq
LEFT JOIN celeriac.consumer k ON k.id = c.consumer;
CREATE OR REPLACE VIEW celeriac.queues AS
SELECT
  ${queue} AS queue,
  count(*) FILTER (WHERE m.due IS NULL AND c.seq IS NULL) AS waiting,
  count(*) FILTER (WHERE m.due IS NOT NULL) AS delayed,
  count(c.seq) AS held
FROM celeriac.message m
LEFT JOIN celeriac.claim c USING (seq)
GROUP BY 1;`
}
