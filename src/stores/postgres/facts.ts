import type { ConnectionFacts, HorizonFacts, RunningFacts, StoreFacts, TableFacts, WaitFacts } from '../storeFacts.ts'
import type { Database } from './connection/database.ts'
import { sqlState } from './connection/errors.ts'
import type { Row, Statement } from './connection/pipeline.ts'

/** Sessions, statements and waits of each kind that are reported, the oldest ones. */
const MAX_REPORTED = 5
/** Characters of a statement. */
const MAX_STATEMENT = 80

/** SQL: a session `a` of `pg_stat_activity`, for people. What the role may not see is NULL there. */
const SESSION = `'pid ' || a.pid || coalesce(' (' || nullif(concat_ws(', ',
    nullif(a.application_name, ''), a.usename, a.state), '') || ')', '')`
/** SQL: the session is one of a process of celeriac. */
const IS_OURS = `a.application_name LIKE 'celeriac%' AND a.datname = current_database()`
/** SQL: ms since then. */
const since = (moment: string): string => `extract(epoch FROM clock_timestamp() - ${moment}) * 1000`

const SERVER: Statement = {
  name: 'facts',
  text: `SELECT extract(epoch FROM clock_timestamp()) * 1000`,
}

const SIZE: Statement = { name: 'facts_size', text: 'SELECT pg_database_size(current_database())' }

/** Connections of clients, beside each limit that holds for this one. */
const CONNECTIONS: Statement = {
  name: 'facts_connections',
  text: `WITH client AS MATERIALIZED (
    SELECT datname, usename FROM pg_catalog.pg_stat_activity
    WHERE datid IS NOT NULL AND usesysid IS NOT NULL AND coalesce(backend_type, 'client backend') = 'client backend'
  ), limits AS (
    SELECT 'the server' AS of, (SELECT count(*) FROM client) AS used,
      current_setting('max_connections')::integer - current_setting('superuser_reserved_connections')::integer
        - coalesce(current_setting('reserved_connections', true)::integer, 0) AS most
    UNION ALL
    SELECT 'the database ' || datname, (SELECT count(*) FROM client c WHERE c.datname = d.datname), datconnlimit
    FROM pg_catalog.pg_database d WHERE datname = current_database() AND datconnlimit >= 0
    UNION ALL
    SELECT 'the role ' || rolname, (SELECT count(*) FROM client c WHERE c.usename = r.rolname), rolconnlimit
    FROM pg_catalog.pg_roles r WHERE rolname = current_user AND rolconnlimit >= 0
  )
  SELECT of, used, most FROM limits ORDER BY used::float / greatest(most, 1) DESC LIMIT 1`,
}

/** `$1`: the schema. */
const TABLES: Statement = {
  name: 'facts_tables',
  text: `SELECT c.relname, s.n_live_tup, s.n_dead_tup, ${since('greatest(s.last_vacuum, s.last_autovacuum)')},
    current_setting('autovacuum')::boolean AND current_setting('track_counts')::boolean AND NOT EXISTS (
      SELECT FROM pg_options_to_table(c.reloptions) AS o (name, value)
      WHERE o.name = 'autovacuum_enabled' AND NOT o.value::boolean)
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_stat_all_tables s ON s.relid = c.oid
  WHERE c.relnamespace = to_regnamespace($1) AND c.relkind = 'r' ORDER BY s.n_dead_tup DESC, c.relname`,
}

/** Of sessions of other databases only those that send a copy of the whole server elsewhere count. */
const HORIZON: Statement = {
  name: 'facts_horizon',
  text: `SELECT * FROM (
    SELECT 'the transaction of ' || ${SESSION} AS holder, ${since('a.xact_start')} AS age,
      greatest(age(a.backend_xid), age(a.backend_xmin)) AS transactions
    FROM pg_catalog.pg_stat_activity a
    WHERE a.pid <> pg_backend_pid() AND (a.datname = current_database() OR a.datid IS NULL)
      AND a.backend_type IS DISTINCT FROM 'autovacuum worker' AND coalesce(a.backend_xid, a.backend_xmin) IS NOT NULL
    UNION ALL
    SELECT 'the prepared transaction ' || gid, ${since('prepared')}, age(transaction)
    FROM pg_catalog.pg_prepared_xacts WHERE database = current_database()
    UNION ALL
    SELECT 'the replication slot ' || slot_name || CASE WHEN active THEN '' ELSE ', which is not in use' END, NULL,
      age(xmin)
    FROM pg_catalog.pg_replication_slots WHERE xmin IS NOT NULL
  ) AS held ORDER BY transactions DESC, age DESC NULLS LAST LIMIT 1`,
}

/** `$1`: the schema. Holders are a JSON array. */
const WAITS: Statement = {
  name: 'facts_waits',
  text: `WITH ours AS MATERIALIZED (
    SELECT oid, relname FROM pg_catalog.pg_class WHERE relnamespace = to_regnamespace($1)
  )
  SELECT ${SESSION}, CASE l.locktype
      WHEN 'relation' THEN 'the table ' || coalesce(o.relname, l.relation::text)
      WHEN 'tuple' THEN 'a row of the table ' || coalesce(o.relname, l.relation::text)
      WHEN 'transactionid' THEN 'the end of a transaction'
      ELSE l.locktype END || ' (' || l.mode || ')',
    ${since('l.waitstart')}, (
      SELECT json_agg(coalesce(${SESSION.replaceAll('a.', 'h.')}, 'a prepared transaction'))
      FROM unnest(pg_blocking_pids(l.pid)) AS b (pid) LEFT JOIN pg_catalog.pg_stat_activity h ON h.pid = b.pid)
  FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
  LEFT JOIN ours o ON o.oid = l.relation
  WHERE NOT l.granted AND a.datname = current_database() AND (o.oid IS NOT NULL OR ${IS_OURS})
  ORDER BY l.waitstart LIMIT ${MAX_REPORTED}`,
}

const RUNNING: Statement = {
  name: 'facts_running',
  text: `SELECT ${SESSION}, ${since('a.query_start')}, left(a.query, 1000) FROM pg_catalog.pg_stat_activity a
  WHERE ${IS_OURS} AND a.pid <> pg_backend_pid() AND a.state = 'active' AND a.wait_event_type IS DISTINCT FROM 'Lock'
  ORDER BY a.query_start LIMIT ${MAX_REPORTED}`,
}

/** What the server's own views say of it and of our tables; no lock of a table is taken. */
export async function postgresFacts(database: Database): Promise<StoreFacts> {
  const [[server] = []] = await database.run([{ statement: SERVER, values: [] }], { repeatable: true })
  const schema = database.schema
  // One after the other: where connections are scarce, it takes no second one.
  const size = await read(database, SIZE)
  const connections = await read(database, CONNECTIONS)
  const tables = await read(database, TABLES, schema)
  const horizon = await read(database, HORIZON)
  const waits = await read(database, WAITS, schema)
  const running = await read(database, RUNNING)
  return {
    store: database.url,
    now: Number(server?.[0]),
    size: numberOf(size?.[0]?.[0]),
    connections: connections?.map(connectionsOf)[0],
    tables: tables?.map(tableOf),
    horizon: horizon?.map(horizonOf)[0],
    waits: waits?.map(waitOf),
    running: running?.map(runningOf),
  }
}

/** Undefined where the server refuses it, as managed ones may. */
async function read(database: Database, statement: Statement, ...values: string[]): Promise<Row[] | undefined> {
  try {
    const [rows = []] = await database.run([{ statement, values }], { repeatable: true })
    return rows
  } catch (error) {
    if (sqlState((error as Error).cause) === undefined) throw error
    return undefined
  }
}

function connectionsOf([of, used, limit]: Row): ConnectionFacts {
  return { of: text(of), used: Number(used), limit: Number(limit) }
}

function tableOf([name, live, dead, vacuumed, isVacuumed]: Row): TableFacts {
  return {
    name: text(name),
    live: Number(live),
    dead: Number(dead),
    vacuumed: numberOf(vacuumed),
    isVacuumed: isVacuumed === 't',
  }
}

function horizonOf([holder, age, transactions]: Row): HorizonFacts {
  return { holder: text(holder), age: numberOf(age), transactions: Number(transactions) }
}

function waitOf([session, lock, age, holders]: Row): WaitFacts {
  return {
    session: text(session),
    lock: text(lock),
    age: numberOf(age) ?? 0,
    holders: JSON.parse(holders ?? '[]') as string[],
  }
}

function runningOf([session, age, statement]: Row): RunningFacts {
  return { session: text(session), age: numberOf(age) ?? 0, statement: shortened(text(statement)) }
}

/** Its beginning in one line. Our statements have their values beside them; a literal is left out nevertheless. */
function shortened(statement: string): string {
  const line = statement.replace(/'(?:[^']|'')*(?:'|$)/g, "'**'").replace(/\s+/g, ' ')
  return line.length > MAX_STATEMENT ? `${line.slice(0, MAX_STATEMENT)}…` : line
}

function text(value: string | null | undefined): string {
  return value ?? ''
}

function numberOf(value: string | null | undefined): number | undefined {
  return value == null ? undefined : Number(value)
}
