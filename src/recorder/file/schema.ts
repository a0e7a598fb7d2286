/*
 * The tables of a recorder's file. Names (of tasks, states, queues, workers, owners, tags) are numbers of the table
 * `name`. `seq` of a job rises by the moment in which the recorder first saw it: that moment in ms, times 1024.
 */

/** Of files of a recorder: `cRec`. */
export const RECORDER_APPLICATION_ID = 0x63526563
export const RECORDER_VERSION = 1

/** Numbers of a job within one millisecond. */
export const SEQ_PER_MS = 1024

/** The name that most jobs have in the end: its row is not in the index of states. */
export const SUCCESS_NAME = 1

/** Added to files that were made without it: earlier versions of the recorder keep it up, too. */
export const CHILD_INDEX =
  'CREATE INDEX IF NOT EXISTS job_child ON job (seq, root) WHERE root IS NOT NULL AND root <> id;'

const JOB = `
CREATE TABLE job (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  task INTEGER, state INTEGER NOT NULL, queue INTEGER, worker INTEGER, owner INTEGER,
  fingerprint TEXT,
  root TEXT, parent TEXT, client TEXT,
  retries INTEGER,
  first_at REAL NOT NULL, changed_at REAL NOT NULL,
  sent_at REAL, received_at REAL, started_at REAL, first_start REAL, ended_at REAL,
  runtime REAL,
  described INTEGER NOT NULL,           -- 0: the submission metadata are not known yet
  eta TEXT, expires TEXT,
  tags TEXT,                            -- JSON
  args TEXT, kwargs TEXT, exception TEXT, result TEXT, traceback TEXT,
  fold TEXT NOT NULL,                   -- JSON: what the next event needs
  steps TEXT NOT NULL,                  -- JSON: the last ones
  chunks INTEGER NOT NULL,              -- of its steps that are in the table step
  pieces INTEGER NOT NULL DEFAULT 1     -- in how many steps its text was added to the full text
) STRICT;
CREATE INDEX job_task ON job (task);
CREATE INDEX job_state ON job (state) WHERE state <> ${SUCCESS_NAME};
CREATE INDEX job_queue ON job (queue) WHERE queue IS NOT NULL;
CREATE INDEX job_worker ON job (worker);
CREATE INDEX job_owner ON job (owner) WHERE owner IS NOT NULL;
CREATE INDEX job_root ON job (root) WHERE root IS NOT NULL AND root <> id;
CREATE INDEX job_fingerprint ON job (fingerprint) WHERE fingerprint IS NOT NULL;
CREATE INDEX job_undescribed ON job (seq) WHERE described = 0;
${CHILD_INDEX}
CREATE TABLE step (
  seq INTEGER NOT NULL, chunk INTEGER NOT NULL, steps TEXT NOT NULL,
  PRIMARY KEY (seq, chunk)
) WITHOUT ROWID, STRICT;
CREATE TABLE tag (
  tag INTEGER NOT NULL, seq INTEGER NOT NULL,
  PRIMARY KEY (tag, seq)
) WITHOUT ROWID, STRICT;`

const EVENT = `
-- Events as they came.
CREATE TABLE event (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  seq INTEGER,                          -- of its job
  type INTEGER NOT NULL, host INTEGER NOT NULL,
  at REAL NOT NULL, came INTEGER NOT NULL,
  fields TEXT NOT NULL                  -- JSON
) STRICT;
CREATE INDEX event_seq ON event (seq) WHERE seq IS NOT NULL;`

const ROLLUP = `
CREATE TABLE rollup (
  step INTEGER NOT NULL,                -- ms
  at INTEGER NOT NULL, task INTEGER NOT NULL, queue INTEGER NOT NULL,
  sent INTEGER NOT NULL, received INTEGER NOT NULL, started INTEGER NOT NULL, succeeded INTEGER NOT NULL,
  failed INTEGER NOT NULL, retried INTEGER NOT NULL, revoked INTEGER NOT NULL,
  wait BLOB NOT NULL, run BLOB NOT NULL,
  PRIMARY KEY (step, at, task, queue)
) WITHOUT ROWID, STRICT;
CREATE TABLE failure (
  fingerprint TEXT PRIMARY KEY,
  task INTEGER NOT NULL, type TEXT NOT NULL, message TEXT NOT NULL, pattern TEXT NOT NULL,
  count INTEGER NOT NULL, first_at REAL NOT NULL, last_at REAL NOT NULL, regressed_at REAL,
  last_job TEXT NOT NULL
) WITHOUT ROWID, STRICT;
CREATE INDEX failure_last ON failure (last_at);
CREATE INDEX failure_job ON failure (last_job);
CREATE TABLE task_success (task INTEGER PRIMARY KEY, last_at REAL NOT NULL) STRICT;`

const REST = `
CREATE TABLE name (
  id INTEGER PRIMARY KEY AUTOINCREMENT, text TEXT NOT NULL UNIQUE, used INTEGER NOT NULL
) STRICT;
INSERT INTO name VALUES (${SUCCESS_NAME}, 'SUCCESS', 0);
CREATE TABLE worker (
  name TEXT PRIMARY KEY, seen INTEGER NOT NULL, started_at REAL, stopped_at REAL,
  facts TEXT NOT NULL,                  -- JSON: of its events
  recent TEXT NOT NULL                  -- JSON: identities of its last events
) WITHOUT ROWID, STRICT;
CREATE INDEX worker_seen ON worker (seen);
-- When events were recorded, and when some of them were lost.
CREATE TABLE coverage (id INTEGER PRIMARY KEY, since INTEGER NOT NULL, until INTEGER NOT NULL) STRICT;
CREATE TABLE loss (id INTEGER PRIMARY KEY, since INTEGER NOT NULL, until INTEGER NOT NULL, events INTEGER) STRICT;
CREATE TABLE audit (
  id INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, who TEXT NOT NULL, action TEXT NOT NULL,
  entry TEXT NOT NULL                   -- JSON
) STRICT;
CREATE INDEX audit_at ON audit (at);
-- What services that go with the recorder keep, as the alerts.
CREATE TABLE note (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID, STRICT;
-- Hashes of the ids of forgotten jobs: their late events are not recorded.
CREATE TABLE forgotten (hash BLOB PRIMARY KEY, until INTEGER NOT NULL) WITHOUT ROWID, STRICT;
-- Parts of the full text: one table job_text_<number> each, of the jobs from since on.
CREATE TABLE text_part (number INTEGER PRIMARY KEY AUTOINCREMENT, since INTEGER NOT NULL, jobs INTEGER NOT NULL) STRICT;
-- One row.
CREATE TABLE recorder (
  fleet TEXT NOT NULL,                  -- the broker whose events these are
  holder TEXT, until INTEGER NOT NULL,  -- which process records, and until when, if it does not renew that
  seq INTEGER NOT NULL,                 -- of the newest job
  jobs INTEGER NOT NULL,                -- how many there are
  indexed INTEGER NOT NULL,             -- the jobs up to this seq are in the full text
  receives INTEGER NOT NULL,            -- 1: the process that records receives events, 0: not yet
  problem TEXT
) STRICT;`

export const RECORDER_TABLES: string = `${JOB}${EVENT}${ROLLUP}${REST}`
