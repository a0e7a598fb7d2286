/**
 * The tables of the first version, in the schema `celeriac` or the one that the URL names. Times are ms since the epoch
 * by the clocks of the applications, but leases, which go by the server's clock. What PostgreSQL
 * cannot keep as text, bytes or a text with a zero character, is in a column of bytes beside it.
 */

const META = `
-- One row.
CREATE TABLE celeriac.meta (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  version integer NOT NULL,               -- of all these tables
  min_compatible integer NOT NULL         -- the lowest version whose processes may write
);`

const CONSUMER = `
-- A process that takes messages. Its lease covers all that it holds: one renewal, however many tasks.
CREATE TABLE celeriac.consumer (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text NOT NULL,
  lease integer NOT NULL,                 -- ms
  lease_until timestamptz NOT NULL
) WITH (fillfactor = 50);`

const MESSAGE = `
-- Messages that wait, are delayed or are held. A row is added and deleted, and changes only where its message returns
-- to its queue: who holds it is in the table claim.
CREATE TABLE celeriac.message (
  seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  queue text NOT NULL,
  rank integer NOT NULL,                  -- minus the priority: the lowest is served first
  due bigint,                             -- delayed until then; NULL: may be taken now
  claims integer NOT NULL DEFAULT 0,      -- how often it was taken and returned
  lost integer NOT NULL DEFAULT 0,        -- how often its holder's lease expired
  task_id text,
  head text NOT NULL,                     -- with body: see protocol/packedMessage.ts
  body text,
  bytes bytea                             -- the body where it is bytes
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000,
  autovacuum_vacuum_insert_scale_factor = 0.1, autovacuum_analyze_scale_factor = 0.1, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX message_ready ON celeriac.message (queue, rank, seq) WHERE due IS NULL;
CREATE INDEX message_due ON celeriac.message (due, seq) WHERE due IS NOT NULL;
CREATE INDEX message_task ON celeriac.message (task_id);
-- Who holds which message. The row is the fence: a settlement deletes it, and has no effect where it is gone.
CREATE TABLE celeriac.claim (
  seq bigint PRIMARY KEY,                 -- of the message
  consumer bigint NOT NULL,
  fence integer NOT NULL                  -- number of the consumer's claim
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);`

const BINDING = `
-- What is sent to the exchange is copied into the queue, as long as its consumer exists.
CREATE TABLE celeriac.binding (
  exchange text NOT NULL,                 -- empty: delivers nothing; records the consumer of a transient queue
  queue text NOT NULL,
  pattern text,                           -- a regular expression for the routing key; NULL: whatever the key
  consumer bigint,                        -- NULL: it stays
  PRIMARY KEY (exchange, queue)
);
CREATE INDEX binding_consumer ON celeriac.binding (consumer) WHERE consumer IS NOT NULL;`

const RESULT = `
CREATE TABLE celeriac.result (
  seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- order of submission
  id text NOT NULL UNIQUE,
  task text,
  state text NOT NULL,
  final boolean NOT NULL,
  version integer NOT NULL DEFAULT 1,     -- how often it was written
  logged integer NOT NULL DEFAULT 1,      -- number of the newest entry of its log; 1: it has had none
  stated integer NOT NULL DEFAULT 1,      -- number of the newest state in its log
  created bigint NOT NULL,
  expires bigint NOT NULL,
  format text NOT NULL,                   -- content type of the record
  meta text,                              -- the record: see protocol/packedRecord.ts
  bytes bytea                             -- the record where it is bytes
) WITH (fillfactor = 40, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);
-- The intermediate states of a task, between PENDING and its end, and what it emits: for its subscribers.
CREATE TABLE celeriac.event (
  job bigint NOT NULL,                    -- seq of its result
  seq integer NOT NULL,                   -- counts from 2, without a gap; 1 is PENDING, which is not kept here
  version integer NOT NULL,               -- of the result when it was in this state
  format text NOT NULL,                   -- of an emission: emission
  meta text,
  bytes bytea,
  PRIMARY KEY (job, seq)
);
-- Submission metadata of a job: a row only where there is any.
CREATE TABLE celeriac.origin (
  seq bigint PRIMARY KEY,                 -- that of its result
  owner text,
  tags text[],
  input text,                             -- body of its message
  bytes bytea                             -- the input where it is bytes
);
CREATE INDEX origin_owner ON celeriac.origin (owner, seq) WHERE owner IS NOT NULL;
CREATE TABLE celeriac.revoked (
  id text PRIMARY KEY,
  expires bigint NOT NULL
);
CREATE TABLE celeriac.note (
  key text PRIMARY KEY,
  value text NOT NULL,
  expires bigint NOT NULL
);
CREATE INDEX note_expires ON celeriac.note (expires);
-- Whether any process waits for changes of records: only then are they announced.
CREATE TABLE celeriac.listener (
  topic text PRIMARY KEY,
  until timestamptz NOT NULL
);`

const SCHEDULE = `
-- The entries of schedules. app: several apps may share a schema.
CREATE TABLE celeriac.schedule (
  app text NOT NULL,
  name text NOT NULL,
  token text NOT NULL,                    -- another one after each change
  due bigint,                             -- NULL: never
  waiting boolean NOT NULL,               -- a run of the entry waits for the run before
  entry text NOT NULL,
  PRIMARY KEY (app, name)
);
CREATE INDEX schedule_due ON celeriac.schedule (app, due) WHERE due IS NOT NULL;
CREATE INDEX schedule_waiting ON celeriac.schedule (app) WHERE waiting;
-- Claimed and not yet sent: another beat sends what is still here after "until".
CREATE TABLE celeriac.schedule_run (
  app text NOT NULL,
  id text NOT NULL,
  until bigint NOT NULL,
  run text NOT NULL,
  PRIMARY KEY (app, id)
);
CREATE INDEX schedule_run_until ON celeriac.schedule_run (app, until);
-- Raised with each change that beats are notified of.
CREATE TABLE celeriac.schedule_change (
  app text PRIMARY KEY,
  number bigint NOT NULL
);`

const CHORD = `
-- A chord whose header is sent.
CREATE TABLE celeriac.chord (
  seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id text UNIQUE,                         -- of the group that is its header; NULL: closed, its parts are being dropped
  size integer NOT NULL,                  -- how many parts it waits for
  done integer NOT NULL DEFAULT 0,        -- how many have come
  callback text NOT NULL DEFAULT '',      -- the call of its body, of the last part; empty: it waits for parts
  since bigint,                           -- complete since then; NULL: it waits for parts
  expires bigint NOT NULL,
  deadline bigint                         -- until when its members must be sent; NULL: all are
);
CREATE INDEX chord_deadline ON celeriac.chord (deadline) WHERE deadline IS NOT NULL;
CREATE INDEX chord_since ON celeriac.chord (since) WHERE since IS NOT NULL;
CREATE INDEX chord_expires ON celeriac.chord (expires);
-- The end of a member of a header.
CREATE TABLE celeriac.part (
  chord bigint NOT NULL,                  -- seq of its chord
  task_id text NOT NULL,
  place bigint NOT NULL,                  -- in the header; from 2^40 on: it has none, and comes after all others
  state text NOT NULL,                    -- empty: a member that was added later, and has not ended
  format text NOT NULL,                   -- content type of result
  result text,
  bytes bytea,                            -- the result where it is bytes
  deadline bigint,                        -- until when a member that was added must be sent; NULL: it is
  PRIMARY KEY (chord, task_id)
);
CREATE INDEX part_place ON celeriac.part (chord, place);
CREATE INDEX part_deadline ON celeriac.part (deadline) WHERE deadline IS NOT NULL;`

/** All tables of the first version. */
export const TABLES: string = [META, CONSUMER, MESSAGE, BINDING, RESULT, SCHEDULE, CHORD].join('\n')
