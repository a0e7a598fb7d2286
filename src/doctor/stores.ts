import type { StoreFacts } from '../app/storeInfo.ts'
import type { Check } from './checks.ts'

/** What the checks of stores look at. */
interface Stores {
  readonly stores: readonly StoreFacts[]
}

/** A store with less free space is reported, bytes. */
const MIN_FREE = 100 * 2 ** 20
/** A store that uses a larger share of its memory is reported. */
const MAX_SHARE = 0.95
/** A larger share of the connections is reported: the next worker, or the administrator, may get none. */
const MAX_CONNECTIONS_SHARE = 0.9
/** A table with more deleted rows is reported, if they are also as many as this share of the rows that are there. */
const MAX_DEAD = 100_000
const MAX_DEAD_SHARE = 0.5
/** Autovacuum looks at each table once a minute, and needs seconds for one of ours, ms. */
const MAX_UNVACUUMED_MS = 10 * 60_000
/** What a busy minute leaves; more is reported even where a vacuum has run: it could not remove them. */
const MAX_DEAD_OF_A_MINUTE = 3_000_000
/** Each table keeps all rows that were deleted since: our transactions take milliseconds, ms. */
const MAX_HORIZON_MS = 60_000
/** Transactions since, where its age is not known: a standby's feedback comes every 10 s, after far fewer. */
const MAX_HORIZON_TRANSACTIONS = 100_000
/** Our transactions hold locks for milliseconds, ms. */
const MAX_WAIT_MS = 1000
/** Each statement of ours looks up a few hundred rows by an index, ms. */
const MAX_RUNNING_MS = 1000

/** What stops a store, slows it down, or lets it lose something. */
export const STORE_CHECKS: readonly Check<Stores>[] = [
  [
    'store-full',
    ({ stores }) =>
      joined(
        stores.flatMap(({ store, free, memory }) => {
          if (free !== undefined && free < MIN_FREE)
            return `${store} has ${megabytes(free)} left in its file system: make room, or what is sent will be refused`
          if (memory && memory.limit > 0 && memory.used > memory.limit * MAX_SHARE)
            return `${store} uses ${megabytes(memory.used)} of its maxmemory of ${megabytes(memory.limit)}: raise it, or remove what is not needed`
          return []
        }),
      ),
  ],
  [
    'store-evicts',
    ({ stores }) =>
      joined(
        stores.flatMap(({ store, memory }) =>
          memory && memory.limit > 0 && memory.policy !== 'noeviction'
            ? `${store} drops tasks and results when its memory is full (maxmemory-policy ${memory.policy}): set it to noeviction`
            : [],
        ),
      ),
  ],
  [
    'store-connections',
    ({ stores }) =>
      joined(
        stores.flatMap(({ store, connections: { of, used, limit } = { of: '', used: 0, limit: 0 } }) =>
          used > limit * MAX_CONNECTIONS_SHARE ? `${store}: ${used} of the ${limit} connections of ${of} are used` : [],
        ),
        ': raise the limit, or put a pool before the server (PgBouncer) and pgbouncer=true into the URL',
      ),
  ],
  [
    'store-autovacuum',
    ({ stores }) =>
      joined(
        stores.flatMap(({ store, tables = [] }) => {
          const off = tables.filter(({ isVacuumed }) => !isVacuumed).map(({ name }) => name)
          if (off.length === 0) return []
          return `${store}: autovacuum is off for ${off.length === tables.length ? 'all tables' : off.join(', ')}`
        }),
        ': deleted rows stay, and all gets slower; switch autovacuum and track_counts on',
      ),
  ],
  ['store-dead-rows', ({ stores }) => joined(stores.flatMap(deadRows))],
  [
    'store-old-transaction',
    ({ stores }) =>
      joined(
        stores.flatMap(({ store, horizon }) => {
          if (!horizon) return []
          const { holder, age, transactions } = horizon
          const isOld = age === undefined ? transactions > MAX_HORIZON_TRANSACTIONS : age > MAX_HORIZON_MS
          const time = age === undefined ? `${transactions} transactions` : seconds(age)
          return isOld ? `${store}: ${holder} is ${time} old` : []
        }),
        ': no row that was deleted since can be removed; end it',
      ),
  ],
  [
    'store-locked',
    ({ stores }) =>
      joined(
        stores.flatMap(({ store, waits = [] }) =>
          waits
            .filter(({ age }) => age > MAX_WAIT_MS)
            .map(({ session, lock, age, holders }) => {
              const by = holders.length > 0 ? `, behind ${holders.join(' and ')}` : ''
              return `${store}: ${session} waits for ${lock} since ${seconds(age)}${by}`
            }),
        ),
      ),
  ],
  [
    'store-slow',
    ({ stores }) =>
      joined(
        stores.flatMap(({ store, running = [] }) =>
          running
            .filter(({ age }) => age > MAX_RUNNING_MS)
            .map(
              ({ session, age, statement }) =>
                `${store}: ${session} runs a statement since ${seconds(age)}: ${statement}`,
            ),
        ),
      ),
  ],
]

function deadRows({ store, tables = [], size }: StoreFacts): string[] {
  const found = tables.filter(({ dead, live, vacuumed = Number.POSITIVE_INFINITY }) => {
    if (dead <= MAX_DEAD || dead <= live * MAX_DEAD_SHARE) return false
    return vacuumed > MAX_UNVACUUMED_MS || dead > MAX_DEAD_OF_A_MINUTE
  })
  if (found.length === 0) return []
  const each = found.map(({ name, live, dead, vacuumed }) => {
    const last = vacuumed === undefined ? 'never vacuumed' : `vacuumed ${seconds(vacuumed)} ago`
    return `${name} has ${dead} deleted rows beside ${live} (${last})`
  })
  const whole = size === undefined ? '' : `; the database has ${megabytes(size)}`
  return [`${store}: ${each.join(', ')}${whole}: what keeps vacuum from them is an old transaction or its settings`]
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1000)} s`
}

export function joined(texts: readonly string[], end = ''): string | undefined {
  return texts.length === 0 ? undefined : `${texts.join('; ')}${end}`
}

export function megabytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MB`
}
