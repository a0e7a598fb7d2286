import { UNFINISHED_LIFETIME_MS } from '../../../backend/retention.ts'
import { MAX_REPR_LENGTH } from '../../../protocol/repr.ts'
import { queueChannelSql } from '../connection/listening.ts'

/** SQL: a moment as ms since the epoch. */
function milliseconds(moment: string): string {
  return `floor(extract(epoch FROM ${moment}) * 1000)::bigint`
}

/** SQL: a moment as ISO 8601 in UTC, with ms; `end`: what follows these. */
function iso(moment: string, end: string): string {
  return `to_char(${moment} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"${end}"')`
}

/** How headers end, as in Python. */
const PYTHON_END = '000+00:00'

const CHECKS = `
  IF coalesce(submit.task, '') = '' THEN
    RAISE EXCEPTION 'task: expected the name of a task, got %', coalesce(quote_literal(submit.task), 'NULL')
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  IF coalesce(submit.queue, '') = '' OR octet_length(submit.queue) > 255 OR submit.queue ~ '[[:cntrl:]]' THEN
    RAISE EXCEPTION 'queue: expected the name of a queue, got %', coalesce(quote_literal(submit.queue), 'NULL')
      USING ERRCODE = 'invalid_parameter_value',
      HINT = 'The routes of the application are not known here: name the queue that its worker takes.';
  END IF;
  IF submit.priority IS NULL OR submit.priority NOT BETWEEN 0 AND 255 THEN
    RAISE EXCEPTION 'priority: expected a number of 0 to 255, got %', coalesce(submit.priority::text, 'NULL')
      USING ERRCODE = 'invalid_parameter_value', HINT = 'The highest priority is served first.';
  END IF;
  IF submit.delay IS NOT NULL AND submit.eta IS NOT NULL THEN
    RAISE EXCEPTION 'expected a delay or an eta, got both' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  IF submit.delay < interval '0' THEN
    RAISE EXCEPTION 'delay: expected a time that is not negative, got %', submit.delay
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  due := coalesce(submit.eta, now + submit.delay);
  IF due NOT BETWEEN '0001-01-01 00:00:00Z' AND '9999-12-31 23:59:59Z'
    OR submit.expires NOT BETWEEN '0001-01-01 00:00:00Z' AND '9999-12-31 23:59:59Z' THEN
    RAISE EXCEPTION 'delay, eta and expires: expected moments in the years 1 to 9999, got % and %', due, submit.expires
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  IF submit.id = '' OR char_length(submit.id) > 255 THEN
    RAISE EXCEPTION 'id: expected 1 to 255 characters, or NULL for a new one, got %', char_length(submit.id)
      USING ERRCODE = 'invalid_parameter_value';
  END IF;`

const INPUT = `
  CASE json_typeof(submit.input)
    WHEN 'array' THEN
      args := submit.input::text;
    WHEN 'object' THEN
      SELECT key INTO other FROM json_object_keys(submit.input) AS keys (key)
      WHERE key NOT IN ('args', 'kwargs') LIMIT 1;
      IF other IS NOT NULL THEN
        RAISE EXCEPTION 'input: expected an object with args and kwargs, got one with %', quote_literal(other)
          USING ERRCODE = 'invalid_parameter_value',
          HINT = 'Keyword arguments, and the input of a task with a schema, go into kwargs: {"kwargs": {"name": 1}}.';
      END IF;
      IF json_typeof(submit.input -> 'args') <> 'array' THEN
        RAISE EXCEPTION 'input.args: expected an array, got %', json_typeof(submit.input -> 'args')
          USING ERRCODE = 'invalid_parameter_value';
      END IF;
      IF json_typeof(submit.input -> 'kwargs') <> 'object' THEN
        RAISE EXCEPTION 'input.kwargs: expected an object, got %', json_typeof(submit.input -> 'kwargs')
          USING ERRCODE = 'invalid_parameter_value';
      END IF;
      args := coalesce((submit.input -> 'args')::text, args);
      kwargs := coalesce((submit.input -> 'kwargs')::text, kwargs);
    ELSE
      RAISE EXCEPTION 'input: expected an object with args and kwargs, or an array of args, got %',
        coalesce(json_typeof(submit.input), 'NULL') USING ERRCODE = 'invalid_parameter_value';
  END CASE;`

/** A UUID of version 7, as the ids that the application makes. */
const NEW_ID = `
  IF job IS NULL THEN
    random := replace(gen_random_uuid()::text, '-', '');
    job := lpad(to_hex(${milliseconds('now')}), 12, '0');
    job := left(job, 8) || '-' || right(job, 4) || '-7' || substr(random, 14, 3) || '-' || substr(random, 17, 4)
      || '-' || right(random, 12);
  END IF;`

const WRITES = `
  INSERT INTO celeriac.result (id, task, state, final, created, expires, format, meta)
  VALUES (
    job, submit.task, 'PENDING', false, ${milliseconds('now')},
    greatest(${milliseconds('now')}, coalesce(${milliseconds('due')}, 0)) + ${UNFINISHED_LIFETIME_MS}, 'application/json',
    CASE WHEN due IS NULL
      THEN json_build_object('status', 'PENDING', 'queue', submit.queue, 'retries', 0, 'parent_id', NULL)
      ELSE json_build_object('status', 'PENDING', 'queue', submit.queue, 'retries', 0, 'parent_id', NULL,
        'date_due', ${iso('due', 'Z')})
    END::text
  )
  ON CONFLICT DO NOTHING;
  INSERT INTO celeriac.message (queue, rank, due, task_id, head, body)
  VALUES (
    submit.queue, -submit.priority, CASE WHEN due > now THEN ${milliseconds('due')} END, job,
    json_build_array(
      json_build_object('lang', 'py', 'task', submit.task, 'id', job, 'shadow', NULL, 'eta', ${iso('due', PYTHON_END)},
        'expires', ${iso('submit.expires', PYTHON_END)}, 'group', NULL, 'group_index', NULL, 'retries', 0,
        'timelimit', '[null, null]'::json, 'root_id', job, 'parent_id', NULL,
        'argsrepr', left(args, ${MAX_REPR_LENGTH}), 'kwargsrepr', left(kwargs, ${MAX_REPR_LENGTH}),
        'origin', 'celeriac.submit', 'ignore_result', false, 'replaced_task_nesting', 0, 'stamped_headers', NULL,
        'stamps', '{}'::json),
      CASE WHEN submit.priority = 0
        THEN json_build_object('contentType', 'application/json', 'contentEncoding', 'utf-8', 'correlationId', job,
          'deliveryMode', 2)
        ELSE json_build_object('contentType', 'application/json', 'contentEncoding', 'utf-8', 'correlationId', job,
          'deliveryMode', 2, 'priority', submit.priority)
      END
    )::text,
    '[' || args || ',' || kwargs || ',{"callbacks":null,"errbacks":null,"chain":null,"chord":null}]'
  );
  PERFORM pg_notify(${queueChannelSql('submit.queue')}, CASE WHEN due > now THEN 'd' ELSE '' END);
  RETURN job;`

/**
 * Submits a job from SQL, as from psql or a trigger, in the transaction of its caller. It writes as its owner, so that
 * a role that may only submit needs no rights on the tables.
 */
export const SUBMIT_FUNCTION: string = `
CREATE FUNCTION celeriac.submit(
  task text,
  input json DEFAULT '{}',
  queue text DEFAULT 'celery',
  priority integer DEFAULT 0,
  delay interval DEFAULT NULL,
  eta timestamptz DEFAULT NULL,
  expires timestamptz DEFAULT NULL,
  id text DEFAULT NULL
) RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  now timestamptz := clock_timestamp();
  job text := submit.id;
  args text := '[]';
  kwargs text := '{}';
  due timestamptz;
  other text;
  random text;
BEGIN${CHECKS}${INPUT}${NEW_ID}${WRITES}
END $$;
REVOKE ALL ON FUNCTION celeriac.submit FROM PUBLIC;
COMMENT ON FUNCTION celeriac.submit IS
'Submits a job in the transaction of the caller, and returns its id. input: {"args": [...], "kwargs": {...}}, or an array '
'of args. Routes, schemas and codecs live in the application: name the queue that its worker takes; the input is not '
'checked before the job runs. priority: 0 to 255, the highest first. delay or eta: when it is due. expires: it does not '
'run after that. id: a new one by default.';`
