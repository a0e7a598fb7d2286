/*
 * The entry of one child process that works with pg and nothing else: the best bare loop that we know. Calls of one turn are one
 * INSERT and one NOTIFY. A worker leases 200 messages at a time; one pipelined transaction then deletes them, inserts their
 * results, notifies and leases the next. No message format, no task, no renewal, no rescue of what a dead worker held.
 */
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client, type QueryResult } from 'pg'
import type { Order } from '../harness/order.ts'
import { callEach, sendInBulk } from './calls.ts'
import { type Roles, runProgram } from './program.ts'
import { idOf } from './taskBytes.ts'

const BATCH = 200
/** Between two looks into an empty queue, ms, unless a message is announced. */
const POLL_MS = 1000
/** With the task's number as long as an encoded message with its record, and as a result, are. */
const HEAD = 'h'.repeat(117)
const DONE = 'd'.repeat(154)
/** Of the ids of this process: a database may have seen the same numbers before. */
const PREFIX = randomUUID().slice(0, 24)

const SCHEMA = `CREATE TABLE IF NOT EXISTS message (seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id uuid NOT NULL, head text NOT NULL, lease timestamptz) WITH (fillfactor = 70);
  CREATE TABLE IF NOT EXISTS result (id uuid PRIMARY KEY, state text NOT NULL, meta text NOT NULL)`
const SUBMIT = {
  name: 'submit',
  text: `WITH sent AS (INSERT INTO message (id, head) SELECT * FROM unnest($1::uuid[], $2::text[]))
    SELECT pg_notify('message', '')`,
}
const CLAIM = {
  name: 'claim',
  text: `UPDATE message SET lease = now() + '30 s' WHERE seq = ANY (ARRAY(SELECT seq FROM message
      WHERE seq > $1 AND (lease IS NULL OR lease < now()) ORDER BY seq LIMIT ${BATCH} FOR UPDATE SKIP LOCKED))
    RETURNING seq, id, head`,
}
const DELETE = { name: 'delete', text: 'DELETE FROM message WHERE seq = ANY ($1::bigint[])' }
const STORE = {
  name: 'store',
  text: `INSERT INTO result (id, state, meta) SELECT id, 'SUCCESS', meta FROM unnest($1::uuid[], $2::text[]) AS t (id, meta)`,
}

interface Claimed {
  readonly seq: string
  readonly id: string
  readonly head: string
}

const identify = (task: number): string => PREFIX + idOf(task).slice(24)

function send(client: Client, tasks: readonly number[]): Promise<unknown> {
  return client.query({ ...SUBMIT, values: [tasks.map(identify), tasks.map((task) => HEAD + task)] })
}

async function connect(url: string): Promise<Client> {
  const client = new Client({ connectionString: url, pipeline: true })
  await client.connect()
  return client
}

/** Gathers the calls of one turn, and what comes while a statement is under way. */
function gatherer(client: Client): (task: number) => Promise<unknown> {
  let gathered: number[] = []
  let flush: Promise<unknown> | undefined
  let flushed: Promise<unknown> = Promise.resolve()
  return (task) => {
    gathered.push(task)
    flush ??= (async () => {
      await Promise.all([flushed, new Promise(setImmediate)])
      const tasks = gathered
      gathered = []
      flush = undefined
      await send(client, tasks)
    })()
    flushed = flush
    return flush
  }
}

/** A worker on one connection, which listens too. */
async function startWorker(client: Client, run: (task: number) => void, done: (count: number) => void) {
  let running = true
  let last = '0'
  let announced = Promise.withResolvers<void>()
  client.on('notification', () => announced.resolve())
  await client.query('LISTEN message')

  function next(done: readonly Claimed[]): Promise<QueryResult<Claimed>> {
    const claim = { ...CLAIM, values: [last] }
    if (done.length === 0) return client.query<Claimed>(claim)
    // In one turn, so that all of it goes to the server at once.
    const before = [
      client.query('BEGIN'),
      client.query({ ...DELETE, values: [done.map(({ seq }) => seq)] }),
      client.query({ ...STORE, values: [done.map(({ id }) => id), done.map(({ id }) => DONE + id)] }),
      client.query("SELECT pg_notify('result', '')"),
    ]
    const claimed = client.query<Claimed>(claim)
    return Promise.all([...before, claimed, client.query('COMMIT')]).then(() => claimed)
  }

  const ended = (async () => {
    let claimed: readonly Claimed[] = []
    while (running || claimed.length > 0) {
      const before = claimed.length
      announced = Promise.withResolvers()
      claimed = (await next(claimed)).rows
      if (before > 0) done(before)
      for (const { head, seq } of claimed) {
        run(Number(head.slice(HEAD.length)))
        if (BigInt(seq) > BigInt(last)) last = seq
      }
      if (claimed.length > 0 || !running) continue
      const timer = new AbortController()
      await Promise.race([
        announced.promise,
        sleep(POLL_MS, undefined, { signal: timer.signal }).catch(() => undefined),
      ])
      timer.abort()
    }
  })()
  return {
    stop() {
      running = false
      announced.resolve()
      return ended
    },
  }
}

/** Awaits the result of one task at a time. */
async function asker(client: Client, submit: (task: number) => Promise<unknown>): Promise<Roles['ask']> {
  let heard = (): void => undefined
  client.on('notification', () => heard())
  await client.query('LISTEN result')
  return async (task) => {
    let results = Promise.withResolvers<void>()
    heard = () => results.resolve()
    await submit(task)
    for (;;) {
      await results.promise
      results = Promise.withResolvers()
      const { rows } = await client.query({
        name: 'load',
        text: 'SELECT meta FROM result WHERE id = $1',
        values: [identify(task)],
      })
      if (rows.length > 0) return rows[0].meta
    }
  }
}

await runProgram(async ({ url, ...order }: Order): Promise<Roles> => {
  const client = await connect(url)
  await client.query(SCHEMA)
  const submit = gatherer(client)
  const enqueueMany = (tasks: readonly number[]): Promise<unknown> => send(client, tasks)
  const ask = order.role === 'ask' && !order.starts ? await asker(client, submit) : undefined
  return {
    fill: (tasks) => sendInBulk(tasks, enqueueMany),
    enqueue: (pace, inFlight) => callEach(pace, inFlight, submit),
    enqueueMany,
    submit,
    ...(ask && { ask }),
    work: (run, done) => startWorker(client, run, done),
    close: () => client.end(),
  }
})
