/** The embedded store's tables. Times are ms since the epoch. Every name of ours begins with `celeriac_`. */

/** Identifies our own files among other databases: "cele" in ASCII. A file of another program keeps its own. */
export const APPLICATION_ID = 0x63656c65

/** A table with what belongs to it. */
interface Table {
  /** Its name in version 1. Absent: it is new. */
  readonly first?: string
  readonly sql: string
}

const CONSUMER: Table = {
  first: 'consumer',
  sql: `
-- A process that takes messages. Its lease covers all that it holds: one renewal, however many tasks.
CREATE TABLE celeriac_consumer (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL,
  lease INTEGER NOT NULL,
  lease_until INTEGER NOT NULL
);`,
}

const MESSAGE: Table = {
  first: 'message',
  sql: `
CREATE TABLE celeriac_message (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  queue TEXT NOT NULL,
  priority INTEGER NOT NULL,
  due INTEGER,                          -- delayed until then; NULL: may be taken now
  owner INTEGER,                        -- the consumer that holds it; NULL: it waits
  claims INTEGER NOT NULL DEFAULT 0,    -- how often it was taken: the fence of a settlement
  lost INTEGER NOT NULL DEFAULT 0,      -- how often its holder's lease expired
  task_id TEXT,
  head TEXT NOT NULL,                   -- with body: see protocol/packedMessage.ts
  body ANY NOT NULL                     -- text or bytes, still serialized
) STRICT;
-- Partial indexes: each contains only the messages in that state, so a backlog does not slow down the work on held
-- messages.
CREATE INDEX celeriac_message_ready ON celeriac_message (queue, priority DESC, seq) WHERE owner IS NULL AND due IS NULL;
CREATE INDEX celeriac_message_delayed ON celeriac_message (due) WHERE due IS NOT NULL;
CREATE INDEX celeriac_message_held ON celeriac_message (owner) WHERE owner IS NOT NULL;
CREATE INDEX celeriac_message_task ON celeriac_message (task_id);`,
}

const BINDING: Table = {
  first: 'binding',
  sql: `
-- What is sent to the exchange is copied into the queue, as long as its consumer exists.
CREATE TABLE celeriac_binding (
  exchange TEXT NOT NULL,
  queue TEXT NOT NULL,
  routing_key TEXT,                     -- NULL: fanout, whatever the key
  consumer INTEGER,
  PRIMARY KEY (exchange, queue)
) WITHOUT ROWID;`,
}

const RESULT: Table = {
  first: 'result',
  sql: `
CREATE TABLE celeriac_result (
  seq INTEGER PRIMARY KEY,                 -- order of submission; in a file of version 1 with AUTOINCREMENT
  id TEXT NOT NULL UNIQUE,
  task TEXT,
  state TEXT NOT NULL,
  final INTEGER NOT NULL,
  version INTEGER NOT NULL,                -- number of the last change, counted over all records
  created INTEGER NOT NULL,
  expires INTEGER NOT NULL,
  format TEXT NOT NULL,                    -- content type of meta
  meta ANY NOT NULL                        -- the record: see protocol/packedRecord.ts
) STRICT;
CREATE INDEX celeriac_result_version ON celeriac_result (version);`,
}

const REVOKED: Table = {
  first: 'revoked',
  sql: `
CREATE TABLE celeriac_revoked (
  id TEXT PRIMARY KEY,
  expires INTEGER NOT NULL
) WITHOUT ROWID, STRICT;`,
}

const EVENT: Table = {
  first: 'event',
  sql: `
-- The intermediate states of a task, between PENDING and its end: for its subscribers.
CREATE TABLE celeriac_event (
  job INTEGER NOT NULL,                 -- seq of its result
  seq INTEGER NOT NULL,                 -- counts from 2, without a gap; 1 is PENDING, which is not kept here
  version INTEGER NOT NULL,             -- of the result when it was in this state
  format TEXT NOT NULL,
  meta ANY NOT NULL,
  PRIMARY KEY (job, seq)
) WITHOUT ROWID, STRICT;`,
}

const ORIGIN: Table = {
  first: 'origin',
  sql: `
-- Submission metadata of a job: a row only where there is any.
CREATE TABLE celeriac_origin (
  seq INTEGER PRIMARY KEY,              -- that of its result
  owner TEXT,
  tags TEXT,                            -- JSON: an array of texts
  input ANY                             -- body of its message: text or bytes
) STRICT;
CREATE INDEX celeriac_origin_owner ON celeriac_origin (owner, seq) WHERE owner IS NOT NULL;`,
}

const NOTE: Table = {
  first: 'note',
  sql: `
CREATE TABLE celeriac_note (
  key TEXT PRIMARY KEY,
  value TEXT NOT NULL,
  expires INTEGER NOT NULL
) WITHOUT ROWID, STRICT;
CREATE INDEX celeriac_note_expires ON celeriac_note (expires);`,
}

const SCHEDULE: Table = {
  first: 'schedule',
  sql: `
-- The entries of schedules. app: several apps may share a file.
CREATE TABLE celeriac_schedule (
  app TEXT NOT NULL,
  name TEXT NOT NULL,
  token TEXT NOT NULL,                  -- another one after each change
  due INTEGER,                          -- ms since the epoch; NULL: never
  waiting INTEGER NOT NULL,             -- 1: a run of the entry waits for the run before
  entry TEXT NOT NULL,
  PRIMARY KEY (app, name)
) WITHOUT ROWID, STRICT;
CREATE INDEX celeriac_schedule_due ON celeriac_schedule (app, due) WHERE due IS NOT NULL;
CREATE INDEX celeriac_schedule_waiting ON celeriac_schedule (app) WHERE waiting = 1;`,
}

const SCHEDULE_RUN: Table = {
  first: 'schedule_run',
  sql: `
-- Claimed and not yet sent: another beat sends what is still here after \`until\`.
CREATE TABLE celeriac_schedule_run (
  app TEXT NOT NULL,
  id TEXT NOT NULL,
  until INTEGER NOT NULL,
  run TEXT NOT NULL,
  PRIMARY KEY (app, id)
) WITHOUT ROWID, STRICT;
CREATE INDEX celeriac_schedule_run_until ON celeriac_schedule_run (app, until);`,
}

const SCHEDULE_CHANGE: Table = {
  first: 'schedule_change',
  sql: `
-- Raised with each change that beats are notified of.
CREATE TABLE celeriac_schedule_change (
  app TEXT PRIMARY KEY,
  number INTEGER NOT NULL
) WITHOUT ROWID, STRICT;`,
}

/** The tables of version 2, but `celeriac_meta`. */
export const TABLES: readonly Table[] = [
  CONSUMER,
  MESSAGE,
  BINDING,
  RESULT,
  REVOKED,
  EVENT,
  ORIGIN,
  NOTE,
  SCHEDULE,
  SCHEDULE_RUN,
  SCHEDULE_CHANGE,
]

/** The tables that version 3 adds. */
export const CHORD_TABLES = `
-- A chord whose header is sent.
CREATE TABLE celeriac_chord (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT UNIQUE,                       -- of the group that is its header; NULL: closed, its parts are being dropped
  size INTEGER NOT NULL,                -- how many parts it waits for
  done INTEGER NOT NULL,                -- how many have come
  callback TEXT NOT NULL,               -- the call of its body, of the last part; empty: it waits for parts
  since INTEGER,                        -- complete since then; NULL: it waits for parts
  expires INTEGER NOT NULL,
  deadline INTEGER                      -- until when its members must be sent; NULL: all are
) STRICT;
CREATE INDEX celeriac_chord_deadline ON celeriac_chord (deadline) WHERE deadline IS NOT NULL;
CREATE INDEX celeriac_chord_since ON celeriac_chord (since) WHERE since IS NOT NULL;
CREATE INDEX celeriac_chord_expires ON celeriac_chord (expires);
-- The end of a member of a header.
CREATE TABLE celeriac_part (
  chord INTEGER NOT NULL,               -- seq of its chord
  task_id TEXT NOT NULL,
  place INTEGER NOT NULL,               -- in the header; from 2^40 on: it has none, and comes after all others
  state TEXT NOT NULL,                  -- empty: a member that was added later, and has not ended
  format TEXT NOT NULL,                 -- content type of result
  result ANY NOT NULL,                  -- text or bytes, still serialized
  deadline INTEGER,                     -- until when a member that was added must be sent; NULL: it is
  PRIMARY KEY (chord, task_id)
) WITHOUT ROWID, STRICT;
CREATE INDEX celeriac_part_place ON celeriac_part (chord, place);
CREATE INDEX celeriac_part_deadline ON celeriac_part (deadline) WHERE deadline IS NOT NULL;
-- Messages that are written in several transactions, and sent by one. Their owner is the negative id.
CREATE TABLE celeriac_batch (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  state INTEGER NOT NULL,               -- 0: being written; 1: sent; 2: being dropped
  until INTEGER NOT NULL                -- its process writes again before then, or is dead
) STRICT;`

/** The tables that version 5 adds. */
export const DEAD_LETTER_TABLES = `
-- Messages that workers have given up. Their bodies are apart: a search reads none of them.
CREATE TABLE celeriac_dead_letter (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,              -- of its task, or one of its own
  task TEXT,
  queue TEXT NOT NULL,                  -- that the message came from
  reason TEXT NOT NULL,
  died INTEGER NOT NULL,
  owner TEXT,
  tags TEXT,                            -- JSON: an array of texts
  size INTEGER NOT NULL,                -- bytes of its message
  facts TEXT NOT NULL                   -- JSON: see backend/dead/pages.ts
) STRICT;
CREATE INDEX celeriac_dead_letter_task ON celeriac_dead_letter (task, seq);
CREATE INDEX celeriac_dead_letter_queue ON celeriac_dead_letter (queue, seq);
CREATE INDEX celeriac_dead_letter_owner ON celeriac_dead_letter (owner, seq) WHERE owner IS NOT NULL;
CREATE TABLE celeriac_dead_message (
  seq INTEGER PRIMARY KEY,              -- of its dead letter
  head TEXT NOT NULL,                   -- JSON: headers and properties
  body ANY NOT NULL                     -- text or bytes, still serialized
) STRICT;
-- One row: how much all of them are.
CREATE TABLE celeriac_dead_amount (letters INTEGER NOT NULL, bytes INTEGER NOT NULL) STRICT;
INSERT INTO celeriac_dead_amount VALUES (0, 0);
CREATE TRIGGER celeriac_dead_letter_kept AFTER INSERT ON celeriac_dead_letter BEGIN
  UPDATE celeriac_dead_amount SET letters = letters + 1, bytes = bytes + new.size;
END;
CREATE TRIGGER celeriac_dead_letter_dropped AFTER DELETE ON celeriac_dead_letter BEGIN
  DELETE FROM celeriac_dead_message WHERE seq = old.seq;
  UPDATE celeriac_dead_amount SET letters = letters - 1, bytes = bytes - old.size;
END;`

/** One row. Every write transaction reads it first. */
export const META = `
CREATE TABLE celeriac_meta (
  version INTEGER NOT NULL,             -- of all these tables
  min_compatible INTEGER NOT NULL,      -- the lowest version whose processes may write
  changes INTEGER NOT NULL              -- counts changes of records; never decreases, not even when records are dropped
) STRICT;`

export const TRIGGERS = `
CREATE TRIGGER celeriac_result_dropped AFTER DELETE ON celeriac_result BEGIN
  DELETE FROM celeriac_event WHERE job = old.seq;
  DELETE FROM celeriac_origin WHERE seq = old.seq;
END;`
