/** The embedded store's tables. Times are ms since the epoch. */

/** Identifies our files among other databases: "cele" in ASCII. */
export const APPLICATION_ID = 0x63656c65
/** Raised with every change of the tables below. */
export const SCHEMA_VERSION = 1

export const SCHEMA = `
-- A process that takes messages. Its lease covers all that it holds: one renewal, however many tasks.
CREATE TABLE consumer (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL,
  lease INTEGER NOT NULL,
  lease_until INTEGER NOT NULL
);
CREATE TABLE message (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  queue TEXT NOT NULL,
  priority INTEGER NOT NULL,
  due INTEGER,                          -- delayed until then; NULL: may be taken now
  owner INTEGER,                        -- the consumer that holds it; NULL: it waits
  claims INTEGER NOT NULL DEFAULT 0,    -- how often it was taken: the fence of a settlement
  lost INTEGER NOT NULL DEFAULT 0,      -- how often its holder's lease expired
  task_id TEXT,
  head TEXT NOT NULL,                   -- JSON: [headers, properties]
  body ANY NOT NULL                     -- text or bytes, still serialized
) STRICT;
-- Partial indexes: each contains only the messages in that state, so a backlog does not slow down the work on held
-- messages.
CREATE INDEX message_ready ON message (queue, priority DESC, seq) WHERE owner IS NULL AND due IS NULL;
CREATE INDEX message_delayed ON message (due) WHERE due IS NOT NULL;
CREATE INDEX message_held ON message (owner) WHERE owner IS NOT NULL;
CREATE INDEX message_task ON message (task_id);
-- What is sent to the exchange is copied into the queue, as long as its consumer exists.
CREATE TABLE binding (
  exchange TEXT NOT NULL,
  queue TEXT NOT NULL,
  routing_key TEXT,                     -- NULL: fanout, whatever the key
  consumer INTEGER,
  PRIMARY KEY (exchange, queue)
) WITHOUT ROWID;
CREATE TABLE result (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,   -- order of submission
  id TEXT NOT NULL UNIQUE,
  task TEXT,
  state TEXT NOT NULL,
  final INTEGER NOT NULL,
  version INTEGER NOT NULL,                -- number of the last change, counted over all records
  created INTEGER NOT NULL,
  expires INTEGER NOT NULL,
  format TEXT NOT NULL,                    -- content type of meta
  meta ANY NOT NULL
) STRICT;
CREATE INDEX result_version ON result (version);
-- Counts changes of records; never decreases, not even when records are dropped.
CREATE TABLE counter (version INTEGER NOT NULL) STRICT;
INSERT INTO counter VALUES (0);
CREATE TABLE revoked (
  id TEXT PRIMARY KEY,
  expires INTEGER NOT NULL
) WITHOUT ROWID, STRICT;
`

/**
 * Tables that were added later without a change of the others: made where they are missing, each time the store is
 * opened.
 */
export const ADDITIONS = `
-- The intermediate states of a task, between PENDING and its end: for its subscribers.
CREATE TABLE IF NOT EXISTS event (
  job INTEGER NOT NULL,                 -- seq of its result
  seq INTEGER NOT NULL,                 -- counts from 2, without a gap; 1 is PENDING, which is not kept here
  version INTEGER NOT NULL,             -- of the result when it was in this state
  format TEXT NOT NULL,
  meta ANY NOT NULL,
  PRIMARY KEY (job, seq)
) WITHOUT ROWID, STRICT;
CREATE TRIGGER IF NOT EXISTS result_forgotten AFTER DELETE ON result BEGIN DELETE FROM event WHERE job = old.seq; END;
-- Submission metadata of a job: a row only where there is any.
CREATE TABLE IF NOT EXISTS origin (
  seq INTEGER PRIMARY KEY,              -- that of its result
  owner TEXT,
  tags TEXT,                            -- JSON: an array of texts
  input ANY                             -- body of its message: text or bytes
) STRICT;
CREATE INDEX IF NOT EXISTS origin_owner ON origin (owner, seq) WHERE owner IS NOT NULL;
CREATE TRIGGER IF NOT EXISTS result_dropped AFTER DELETE ON result BEGIN DELETE FROM origin WHERE seq = old.seq; END;
CREATE TABLE IF NOT EXISTS note (
  key TEXT PRIMARY KEY,
  value TEXT NOT NULL,
  expires INTEGER NOT NULL
) WITHOUT ROWID, STRICT;
CREATE INDEX IF NOT EXISTS note_expires ON note (expires);
`
